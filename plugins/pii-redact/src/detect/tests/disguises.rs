//! Values that are broken over lines, written with letters of other scripts, or spelt out.

use super::{Kind, finds, found};

#[test]
fn a_number_goes_on_in_the_next_line_however_that_is_written() {
    for line in [
        "\n", "\r\n", "\n> ", "\r\n> > ", "\n    ", r"\n", r"\\n", r"\r\n", "\u{ad}\n", "=\r\n",
        "<br>", "<br/>\n", "\n// ",
    ] {
        for (before, kind, parts, after) in [
            ("My card is ", Kind::Card, ["4174 6814", "5384 0190"], "."),
            ("", Kind::Card, ["4174 6814", "5384 0190"], "\nThanks"),
            ("Here:\n\n", Kind::Card, ["4174681453", "840190"], " ok"),
            (
                "card ",
                Kind::Card,
                ["4174-6814-", "5384-0190"],
                "\n\nRegards",
            ),
            ("IBAN ", Kind::Iban, ["GB29 NWBK", "6016 1331 9268 19"], "."),
            ("", Kind::Iban, ["DE89 3704 0044", "0532 0130 00"], " ok"),
            ("CPF ", Kind::Cpf, ["529.982.", "247-25"], " ok"),
            ("CPF ", Kind::Cpf, ["529.982", ".247-25"], " ok"),
            ("CNPJ ", Kind::Cnpj, ["11.222.333/", "0001-81"], " ok"),
            ("Call ", Kind::Phone, ["+49 30 1234", "5678"], " now"),
        ] {
            let value = parts.join(line);
            finds(&format!("{before}{value}{after}"), &[(kind, &value)]);
        }
    }
}

#[test]
fn a_number_may_have_a_group_on_each_line() {
    let card = "4174\n6814\n5384\n0190";
    finds(
        &format!("Group by group:\n{card}\n\nDone"),
        &[(Kind::Card, card)],
    );
    let list = "4174\n- 6814\n- 5384\n- 0190";
    finds(&format!("- {list}\n"), &[(Kind::Card, list)]);
}

#[test]
fn rows_of_numbers_are_not_joined() {
    for text in [
        "1234 5678\n2345 6789\n3456 7890\n4567 8901\n5678 9012",
        "1234\n5678\n9012\n3456\n7890\n1111\n2222\n3333\n4444",
        "id,total\n1,4174 6814\n2,5384 0190",
        "2024-01-02 11:30:12 4174681453\n2024-01-02 11:30:13 840190",
        "a\t4174 6814\n5384 0190\tb",
    ] {
        finds(text, &[]);
    }
}

#[test]
fn letters_that_look_latin_hide_no_address_and_no_code() {
    for (kind, value) in [
        (Kind::Email, "аnа@example.com"),
        (Kind::Email, "ana.souza@ехаmple.com"),
        (Kind::Email, "ana@example.соm"),
        (Kind::Iban, "DЕ89 3704 0044 0532 0130 00"),
        (Kind::Iban, "GB29 NWВK 6016 1331 9268 19"),
        (Kind::UkNino, "АB123456C"),
        (Kind::EsDni, "12345678Ζ"),
        (Kind::ItCf, "RЅSMRA85T10A562S"),
        (
            Kind::Secret,
            "sk-proj-аbcD1234efGH5678ijKL9012mnOP3456qrST7890uvWX",
        ),
    ] {
        finds(&format!("this: {value} now"), &[(kind, value)]);
        finds(&format!("Пишите: {value} пожалуйста"), &[(kind, value)]);
    }
    finds("Иван Петров, дом 25а, 2024а; почта@пример, а@х", &[]);
}

#[test]
fn addresses_in_words_are_found_in_five_languages() {
    for address in [
        "ana dot souza at example dot co dot uk",
        "ana arroba exemplo ponto com ponto br",
        "ana.souza arroba exemplo.com",
        "ana arroba ejemplo punto es",
        "ana arobase exemple point fr",
        "ana at firma Punkt de",
        "ana ät firma Punkt de",
        "ana@exemplo ponto com",
        "ana (arroba) exemplo (ponto) com",
        "ANA ARROBA EXEMPLO PONTO COM",
    ] {
        finds(
            &format!("contact: {address}, ok"),
            &[(Kind::Email, address)],
        );
    }
    for text in [
        "Look at the dot on the screen, at figure dot product",
        "compró 3 arroba de aceite punto final",
        "O ponto fica na rua; le point de vue; am Punkt angelangt",
        "Wir treffen uns at Bahnhof Punkt acht",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}
