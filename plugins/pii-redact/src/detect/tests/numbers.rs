//! Numbers: cards, tax numbers, accounts, addresses, telephones.

use super::finds;
use crate::detect::Kind;

#[test]
fn cards_need_an_issuer_a_length_and_a_check_digit() {
    for card in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "3782-822463-10005",
        "5555555555554444",
        "6362970000457013",
        "6062828888666688",
        "30569309025904",
    ] {
        finds(&format!("card {card}."), &[(Kind::Card, card)]);
    }
    for text in [
        "4111111111111112",
        "1111111111111117",
        "SKU-4111-1111-1111-1111",
        "4111111111111111-a",
        "0000000000000000",
        "x4111111111111111",
    ] {
        finds(text, &[]);
    }
}

#[test]
fn brazilian_numbers_need_their_check_digits() {
    finds(
        "CPF 529.982.247-25, 52998224725, 529982247-25",
        &[
            (Kind::Cpf, "529.982.247-25"),
            (Kind::Cpf, "52998224725"),
            (Kind::Cpf, "529982247-25"),
        ],
    );
    finds("CPF 529.982.247-26 111.111.111-11", &[]);
    finds(
        "11.222.333/0001-81 11222333000181",
        &[
            (Kind::Cnpj, "11.222.333/0001-81"),
            (Kind::Cnpj, "11222333000181"),
        ],
    );
    finds(
        r"CNPJ 12.ABC.345/01DE-35 e 12.ABC.345\/01DE-35, CNPJ 12ABC34501DE35",
        &[
            (Kind::Cnpj, "12.ABC.345/01DE-35"),
            (Kind::Cnpj, r"12.ABC.345\/01DE-35"),
            (Kind::Cnpj, "12ABC34501DE35"),
        ],
    );
}

#[test]
fn ibans_need_their_country_s_length_and_mod_97() {
    for iban in [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "BR1800360305000010009795493C1",
        "NO9386011117947",
    ] {
        finds(&format!("IBAN:{iban}, reference 5"), &[(Kind::Iban, iban)]);
        finds(&format!(r"\n{iban}\n"), &[(Kind::Iban, iban)]);
    }
    finds(
        "DE89370400440532013001 DE8937040044053201300 XX89370400440532013000",
        &[],
    );
}

#[test]
fn other_countries_identifiers_are_found() {
    finds(
        "SSN 536-22-1234, 536 22 1234; SKU-536-22-1234-B; 666-22-1234; 000-12-3456; 900-12-3456",
        &[(Kind::Ssn, "536-22-1234"), (Kind::Ssn, "536 22 1234")],
    );
    finds(
        "NI AB123456C and AB 12 34 56 C, not GB123456C",
        &[(Kind::UkNino, "AB123456C"), (Kind::UkNino, "AB 12 34 56 C")],
    );
    finds(
        "12345678Z X1234567L 12345678A",
        &[(Kind::EsDni, "12345678Z"), (Kind::EsDni, "X1234567L")],
    );
    finds(
        "Steuer-ID 86095742719, 86 095 742 719; Protocolo 86095742719",
        &[
            (Kind::DeTax, "86095742719"),
            (Kind::DeTax, "86 095 742 719"),
        ],
    );
    finds(
        "NIF 123456789 RSSMRA85T10A562S 1 85 05 78 006 084 91",
        &[
            (Kind::PtNif, "123456789"),
            (Kind::ItCf, "RSSMRA85T10A562S"),
            (Kind::FrNir, "1 85 05 78 006 084 91"),
        ],
    );
}

#[test]
fn ip_addresses_are_no_versions_sections_or_fingerprints() {
    finds(
        "from 203.0.113.7:8080, [2001:db8::1]:443 and 2a02:8071:1:2:3:4:5:6.",
        &[
            (Kind::Ip, "203.0.113.7"),
            (Kind::Ip, "2001:db8::1"),
            (Kind::Ip, "2a02:8071:1:2:3:4:5:6"),
        ],
    );
    finds("::ffff:10.1.2.3", &[(Kind::Ip, "::ffff:10.1.2.3")]);
    for text in [
        "v1.2.3.4",
        "version 1.2.3.4",
        "x==1.2.3.4",
        "1.2.3.4.5",
        "256.1.1.1",
        "127.0.0.1",
        "0.0.0.0",
        "::1",
        "a::b",
        "std::fmt",
        "12:34:56",
        "00:1b:44:11:3a:b7",
        "AA:BB:CC:DD:EE:FF:00:11",
    ] {
        finds(text, &[]);
    }
}

#[test]
fn telephone_numbers_are_found_in_their_countries_forms() {
    for phone in [
        "+1 212-555-0100",
        "(212) 555-0100",
        "212-555-0100",
        "212.555.0100",
        "1-212-555-0100",
        "+12125550100",
        "+1 (212) 555-0100",
        "(11) 98765-4321",
        "11 98765-4321",
        "+55 11 98765-4321",
        "+5511987654321",
        "(21) 2345-6789",
        "+55 (21) 2345-6789",
        "020 7946 0958",
        "07700 900123",
        "+44 20 7946 0958",
        "+44 (0)20 7946 0958",
        "07700900123",
        "030 123456",
        "030/1234567",
        "0151 23456789",
        "+49 30 123456",
        "+4915123456789",
        "01 23 45 67 89",
        "01.23.45.67.89",
        "+33 1 23 45 67 89",
        "0033 1 23 45 67 89",
        "612 34 56 78",
        "612 345 678",
        "+34 612 345 678",
        "912 345 678",
        "21 234 5678",
        "+351 912 345 678",
    ] {
        finds(&format!("Call {phone}, or write."), &[(Kind::Phone, phone)]);
    }
    finds("ligue 11987654321", &[(Kind::Phone, "11987654321")]);
    finds(r"Ll\u00e1mame al 612345678", &[(Kind::Phone, "612345678")]);
}

#[test]
fn other_numbers_are_no_telephones() {
    for text in [
        "order 2125550100",
        "2125550100",
        "2024-01-15",
        "2014-10-17T01:46:05Z",
        "1700000000",
        "R$ 413.854,95",
        "250 000 000",
        "978-3-16-148410-0",
        "Boston, MA 02110-1301",
        "1 2 3 4 5 6 7 8 9 10 11",
        "3.1415926535",
        "0123456789",
        "7b1c4e8a-0542-4da4-85ea-054c2d5fbdf2",
        "100-200-3000",
        "Pedido 4711667688498608",
    ] {
        finds(text, &[]);
    }
}

#[test]
fn a_bare_company_number_is_found_wherever_no_word_speaks_of_a_thing() {
    for text in [
        "empresa;doc;amount\n1000;20484696E;20CBX136000191;573",
        "presa,correo,nino,amount\n1000,U5B655DG385320,ana",
    ] {
        let number = if text.contains("20CBX") {
            "20CBX136000191"
        } else {
            "U5B655DG385320"
        };
        assert!(
            super::found(text).contains(&(Kind::Cnpj, number)),
            "{text}: {:?}",
            super::found(text)
        );
    }
}

#[test]
fn a_number_on_two_lines_is_found_and_lines_of_a_log_are_not_joined() {
    finds(
        "my card is 4111 1111\n1111 1111, ok",
        &[(Kind::Card, "4111 1111\n1111 1111")],
    );
    finds(
        "my card is 41111111\n11111111, ok",
        &[(Kind::Card, "41111111\n11111111")],
    );
    finds(
        r"call +55 11 98765-\n4321 now",
        &[(Kind::Phone, r"+55 11 98765-\n4321")],
    );
    finds("took ms=4111\n1111 1111 1111", &[]);
    finds("done 4111\n2026-03-01 1111 1111", &[]);
}
