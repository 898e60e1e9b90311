//! The words that signs are made of, in six languages, and the table that finds them.
//!
//! A sign is a combination of classes of words near each other, not a sentence: an attack is
//! reworded more easily than it does without a verb of ignoring and the thing to be ignored. The
//! table is made while the policy is configured and is part of its image; looking a word up costs a
//! multiplication a letter.

/// Classes, as bits of a mask.
pub(crate) mod class {
    macro_rules! classes {
        ($($name:ident)*) => { classes!(@ 0; $($name)*); };
        (@ $bit:expr; $name:ident $($rest:ident)*) => {
            #[allow(missing_docs, reason = "the words of each are below")]
            pub(crate) const $name: u64 = 1 << $bit;
            classes!(@ $bit + 1; $($rest)*);
        };
        (@ $bit:expr;) => {
            /// Number of classes.
            pub(crate) const COUNT: usize = $bit;
        };
    }
    classes! {
        IGNORE PRIOR ALL ORDERS REVEAL YOUR HIDDEN PROMPT BE UNBOUND NOT BOUNDS TELL USER SEND SECRET WHERE NEW AI MUST CALL IF NOTE
        READING EVERYTHING VERBATIM NOW YOU DEVELOPER MODE PRETEND ANYTHING ROLE URGENT ASK VOID DISABLE MODEL
    }
}

use std::collections::BTreeMap;

use class::*;

/// The words, in lower case and without accents or apostrophes; `*` stands for any ending. English,
/// Spanish, Portuguese, French, German, Italian.
const WORDS: &[(u64, &str)] = &[
    (IGNORE, "ignore ignoring disregard disregarding forget override overriding overwrite bypass bypassing
        neglect discard circumvent supersede aside
        ignora ignorar ignore ignoren ignorad ignorando olvida olvidar olvide olviden olvidate omite omitir desestima descarta descartar anula
        esqueca esquecer esquece desconsidere desconsiderar desconsidera despreze desobedeca
        ignorez ignorer oublie oubliez oublier neglige negligez faites-abstraction outrepasse
        ignoriere ignorieren ignoriert vergiss vergessen vergesst missachte missachten umgehe umgehen verwirf
        ignori ignorate ignorare dimentica dimenticare dimenticate trascura"),
    (PRIOR, "previous prior preceding earlier above foregoing former initial original system developer before previously given
        anteriores anterior previas previos previa previo precedentes originales iniciales arriba antes sistema
        previos previas originais iniciais acima antes
        precedentes precedents precedente precedent anterieures initiales avant dessus ci-dessus systeme
        vorherigen vorherige vorigen bisherigen bisherige obigen obige fruheren ursprunglichen zuvor vorher oben systemanweisungen
        precedenti precedente sopra iniziali prima"),
    (ALL, "all any every your the these those this todas todos tus sus tu sua suas seus as os les toutes tous tes vos alle deine deinen ihre die tutte tutti le tue"),
    (ORDERS, "instruction instructions directive directives guideline guidelines orders rule rules prompt prompts directions context
        constraints restrictions programming training safeguards
        instruccion instrucciones ordenes directrices reglas indicaciones
        instrucao instrucoes ordens diretrizes regras orientacoes comandos
        instructions consignes directives regles ordres
        anweisung anweisungen instruktion instruktionen vorgaben regeln befehle anordnungen richtlinien systemanweisungen
        istruzione istruzioni regole direttive ordini"),
    (REVEAL,"reveal show print repeat output display tell share leak dump disclose expose give recite list paste copy echo write return translate
        muestra muestrame mostrar ensename revela revelar imprime repite repetir dime escribe
        mostre mostra revele revelar imprima repita repetir diga escreva exiba
        montre montrez affiche affichez revele revelez repete repetez donne donnez imprime 
        zeige zeig verrate wiederhole gib nenne drucke 
        mostra mostrami rivela ripeti stampa dimmi"),
    (ASK, "what whats which cual cuales qual quais quel quelle quelles welche wie lautet quali"),
    (YOUR, "your ur tu tus su sus seu seus sua suas teu ton ta tes votre vos dein deine deinen deiner ihre ihren dir il tuo tuoi tue"),
    (HIDDEN, "system initial hidden secret original internal confidential developer preprompt
        sistema inicial iniciales oculto ocultas ocultos secreto secretas originales iniciais oculta secreta
        systeme initial initiales cache cachees secretes
        systemprompt systemanweisungen systemanweisung versteckten geheimen ursprunglichen internen
        iniziali nascosto nascoste segrete"),
    (PROMPT, "prompt prompts preprompt systemprompt metaprompt message configuration"),
    (BE, "act pretend roleplay simulate become impersonate behave respond answer actua finge simula responde comportate aja finja simule responda
        agis fais joue simule reponds tu-es handle verhalte spiele antworte agisci fingi comportati"),
    (PRETEND, "pretend imagine suppose finge finja fais simule simula fingi"),
    (ROLE, "system developer sistema systeme"),
    (URGENT, "new updated revised real actual important additional urgent"),
    (VOID, "replaced outdated obsolete void superseded invalid revoked"),
    (DISABLE, "disable deactivate remove desactiva desactivar desative desativar desactive deaktiviere disattiva"),
    (MODEL, "model modell modelo modele modello"),
    (ANYTHING, "anything"),
    (UNBOUND, "unrestricted unfiltered uncensored jailbroken unlimited amoral dan unbound unaligned lawless
        jailbreak irrestricto sinrestricciones irrestrita irrestrito unzensiert uneingeschrankt uneingeschrankte senza-filtri"),
    (NOT, "no not dont never without free nunca jamas sin nao nunca jamais sem ne pas sans nicht kein keine niemals ohne non mai senza"),
    (BOUNDS, "restriction restrictions constraint constraints limitation limitations filter filters filtering censorship ethics ethical moral morals limits safety
        restricciones limitaciones filtros censura restricoes limitacoes limites etica restrictions filtres censure
        einschrankungen beschrankungen filter zensur restrizioni limitazioni filtri censura"),
    (TELL, "tell mention inform notify alert reveal disclose say report warn digas menciones informes avises reveles diga mencione informe avise revele
        dis dites mentionne mentionnez informe informez previens sage sagen erwahne erwahnen informiere dire menzionare informare"),
    (USER, "user users human customer usuario usuarios utilizador cliente utilisateur utilisateurs benutzer nutzer anwender utente"),
    (SEND, "send post forward upload exfiltrate transmit email mail leak append encode submit transfer include
        envia enviar envie envien reenvia encaminhe enviar envoie envoyez envoyer transmets transfere sende senden schicke leite invia inviare"),
    (SECRET, "password passwords credential credentials token tokens secret secrets apikey apikeys key keys conversation history env cookies ssh
        contrasena contrasenas credenciales clave claves conversacion historial senha senhas credenciais chave chaves conversa historico
        passe identifiants cle cles conversation historique passwort passworter kennwort zugangsdaten schlussel gesprach verlauf
        credenziali chiave chiavi conversazione cronologia"),
    (WHERE, "http https url webhook com net org io xyz ngrok attacker"),
    (NEW, "new updated revised real actual nuevas nueva novas nova nouvelles neue neuen nuove"),
    (AI, "ai llm llms assistant assistants agent agents chatbot chatgpt claude gemini copilot ia asistente assistente assistant ki assistent"),
    (MUST, "must should immediately required need shall debes debe deve deves devez dois musst muss mussen devi deve"),
    (CALL, "call execute run invoke use trigger open delete ejecuta ejecutar llama llamar execute chame chamar executar appelle executer rufe fuhre
        ausfuhren esegui chiama"),
    (IF, "if si se wenn falls"),
    (NOTE, "note notice attention message instructions nota aviso atencion atencao avis hinweis achtung attenzione"),
    (READING, "reading processing summarizing summarising parsing visiting leyendo lendo lisant lesen"),
    (EVERYTHING, "everything all anything text words contents todo tudo tout alles tutto texto texte textos palabras palavras mots worter what que was
        instructions conversation"),
    (VERBATIM, "verbatim exactly word literally beginning starting literalmente palabra textualmente comecando empezando commencant mot wortlich
        wortgetreu beginnend parola"),
    (NOW, "now henceforth onwards ahora agora maintenant desormais jetzt nun ab ora"),
    (YOU, "you youre du sie tu voce usted vous eres es bist sei"),
    (DEVELOPER, "developer god debug sudo admin dan jailbreak maintenance desarrollador desenvolvedor developpeur entwickler"),
    (MODE, "mode modo modus entwicklermodus modalita"),
];

/// Places in the table: a power of two, more than twice as many as there are words.
const PLACES: usize = 4096;

/// All words: a table by their hashes, small enough to stay in few pages of an instance's memory.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Hashes of words, 0 where there is none; a taken place is stepped over.
    hashes: Vec<u32>,
    /// The index in `sets` of each place's word.
    which: Vec<u8>,
    /// Sets of classes that occur.
    sets: Vec<u64>,
}

impl Default for Table {
    fn default() -> Self {
        let mut classes: BTreeMap<u32, u64> = BTreeMap::new();
        for (class, words) in WORDS {
            for word in words.split_ascii_whitespace() {
                let mut whole = Word::default();
                whole.take_all(word.replace('-', "").as_bytes());
                *classes.entry(whole.hash).or_default() |= class;
            }
        }
        let mut table = Self {
            hashes: vec![0; PLACES],
            which: vec![0; PLACES],
            sets: Vec::new(),
        };
        for (hash, set) in classes {
            let known = table.sets.iter().position(|known| *known == set);
            let which = known.unwrap_or_else(|| {
                table.sets.push(set);
                table.sets.len() - 1
            });
            let free = places(hash).find(|place| table.hashes.get(*place) == Some(&0));
            if let Some(place) = free
                && let (Some(slot), Some(own)) =
                    (table.hashes.get_mut(place), table.which.get_mut(place))
            {
                *slot = hash;
                *own = u8::try_from(which).unwrap_or(u8::MAX);
            }
        }
        table
    }
}

/// The places where a word may stand, the likeliest first.
fn places(hash: u32) -> impl Iterator<Item = usize> {
    (0..PLACES).map(move |step| (hash as usize ^ hash as usize >> 16).wrapping_add(step) % PLACES)
}

/// A word under way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Word {
    /// Hash of the letters so far, 32-bit FNV-1a.
    hash: u32,
    /// It has a character that is no letter.
    strange: bool,
    /// Letters so far.
    pub(crate) length: u32,
}

impl Word {
    /// Takes a letter, `a` to `z`; anything else makes it a word that is not in the table.
    #[inline]
    pub(crate) fn take(&mut self, letter: char) {
        match u8::try_from(letter) {
            Ok(byte @ b'a'..=b'z') => self.hash = hashed(self.hash, byte),
            _ => self.strange = true,
        }
        self.length = self.length.saturating_add(1);
    }

    /// Takes the ASCII letters that a text begins with, in either case; returns how many.
    #[inline]
    pub(crate) fn take_all(&mut self, text: &[u8]) -> usize {
        let (mut hash, mut length) = (self.hash, 0);
        for byte in text {
            let letter = byte | 0x20;
            if !letter.is_ascii_lowercase() {
                break;
            }
            hash = hashed(hash, letter);
            length += 1;
        }
        self.hash = hash;
        self.length = self
            .length
            .saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
        length
    }

    /// The classes of the whole word.
    pub(crate) fn classes(self, table: &Table) -> u64 {
        if self.strange || self.length > LONGEST {
            return 0;
        }
        for place in places(self.hash) {
            match table.hashes.get(place) {
                Some(hash) if *hash == self.hash => {
                    let set = table
                        .which
                        .get(place)
                        .and_then(|which| table.sets.get(usize::from(*which)));
                    return set.copied().unwrap_or(0);
                }
                Some(0) | None => return 0,
                Some(_) => {}
            }
        }
        0
    }
}

/// No word has more letters.
const LONGEST: u32 = 24;

#[inline]
const fn hashed(hash: u32, letter: u8) -> u32 {
    // The offset basis stands before the first letter, so that an empty word's hash is 0.
    (hash ^ letter as u32 ^ 0x811c_9dc5).wrapping_mul(0x0100_0193)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::folded;

    fn classes(word: &str) -> u64 {
        let table = Table::default();
        let mut walk = Word::default();
        word.chars().for_each(|letter| walk.take(letter));
        walk.classes(&table)
    }

    #[test]
    fn whole_words_have_their_classes_and_their_parts_none() {
        assert_eq!(classes("ignore"), IGNORE);
        assert_eq!(classes("ignor"), 0);
        assert_eq!(classes("ignoreme"), 0);
        assert_eq!(classes("xignore"), 0);
        assert_eq!(classes("systemanweisungen"), PRIOR | HIDDEN | ORDERS);
        assert_eq!(classes("日ignore"), 0);
    }

    #[test]
    fn every_word_is_written_as_text_is_folded_and_fits_the_tree() {
        for (_, words) in WORDS {
            assert_eq!(folded(words), *words);
        }
        let words = WORDS
            .iter()
            .flat_map(|(_, words)| words.split_ascii_whitespace());
        assert!(words.clone().all(|word| word.len() as u32 <= LONGEST));
        let table = Table::default();
        assert!(table.sets.len() < 255);
        // Each word is found with all of its classes: no two share a hash.
        for (class, words) in WORDS {
            for word in words.split_ascii_whitespace() {
                assert!(classes(&word.replace('-', "")) & class != 0, "{word}");
            }
        }
        let mut distinct: Vec<String> = words.map(|word| word.replace('-', "")).collect();
        distinct.sort();
        distinct.dedup();
        let taken = table.hashes.iter().filter(|hash| **hash != 0).count();
        assert_eq!(taken, distinct.len());
        assert!(taken * 2 < PLACES);
    }
}
