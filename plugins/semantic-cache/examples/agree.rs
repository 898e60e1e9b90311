//! Reads pairs of questions, a pair on each line with a tab between, and prints for each the reason
//! why the second may not be answered with the first one's answer (`-` where it may), and those why
//! either is never answered from the store.

use std::io::{BufRead, Write};

use semantic_cache::lexical::{Lexicon, Reading, agree, never};

fn main() -> std::io::Result<()> {
    let lexicon = Lexicon::new();
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (a, b) = line.split_once('\t').unwrap_or((&line, ""));
        let (a, b) = (Reading::new(a, &lexicon), Reading::new(b, &lexicon));
        let agreed = agree(&a, &b, &lexicon);
        let never = [&a, &b].map(|of| never(of, &lexicon).map_or("-", |why| why.word()));
        let [a, b] = never;
        writeln!(
            out,
            "{}\t{a}\t{b}",
            agreed.map_or_else(|why| why.word(), |()| "-")
        )?;
    }
    Ok(())
}
