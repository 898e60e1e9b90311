use super::*;

#[test]
fn short_texts_are_estimated_within_two_tokens_of_the_tokenizer() {
    // counted with o200k
    for (text, tokens) in [
        ("", 0),
        ("Hello, world!", 4),
        ("The quick brown fox jumps over the lazy dog.", 10),
        ("1234567890", 4),
    ] {
        let estimate = estimate(text);
        assert!(estimate.abs_diff(tokens) <= 2, "{text}: {estimate}");
    }
}

#[test]
fn code_and_chinese_cost_more_a_byte_and_a_character_than_prose() {
    let prose = estimate("It was a bright cold day in April, and the clocks were striking.");
    let code = estimate("for i in 0..n { a[i] = b[i] * 2; c[i] += &d[&i]; /* ok */ } //");
    assert!(code > prose * 3 / 2, "{code} {prose}");
    assert!(estimate("今天天气很好我们去公园") > estimate("its sunny!!"));
}

#[test]
fn signs_before_words_belong_to_them() {
    assert!(estimate("blue_bird") <= 3 && estimate("(blue") <= 2);
    assert!(estimate("blue _ bird") >= estimate("blue_bird"));
}

#[test]
fn a_text_is_counted_under_the_kind_of_its_script() {
    for (text, kind) in [
        ("It was a bright cold day in April. ", Kind::Latin),
        (
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
            Kind::Dense,
        ),
        (
            "Был холодный ясный апрельский день, и часы пробили тринадцать. ",
            Kind::Cyrillic,
        ),
        (
            "Ήταν μια φωτεινή κρύα μέρα του Απρίλη και τα ρολόγια χτυπούσαν. ",
            Kind::Alphabetic,
        ),
        (
            "كان يوما باردا مشرقا من أيام أبريل وكانت الساعات تدق الثالثة. ",
            Kind::Alphabetic,
        ),
        (
            "वह अप्रैल का एक चमकीला ठंडा दिन था और घड़ियाँ तेरह बजा रही थीं। ",
            Kind::Indic,
        ),
        ("วันนั้นเป็นวันที่สดใสและหนาวเย็นในเดือนเมษายน", Kind::Indic),
        ("四月的一天天气晴朗寒冷时钟敲了十三下", Kind::Cjk),
        ("4月の晴れた寒い日で、時計は13時を打っていた。", Kind::Cjk),
        ("🙂🎉🚀🔥", Kind::Symbols),
    ] {
        let counts = count(text.repeat(20).as_bytes());
        let most = counts.each().iter().max();
        assert_eq!(counts.each().get(kind as usize), most, "{text} {counts:?}");
        assert_eq!(counts.total(), estimate(&text.repeat(20)));
    }
}

#[test]
fn a_long_text_costs_what_its_parts_cost() {
    let part =
        "Some words, a number like 12345, ein längeres Wörtchen, and\n    indented_code(x);\n";
    for count in [5_usize, 6, 7, 100, 1001] {
        let long = part.repeat(count);
        let mut running = Running::default();
        running.feed(long.as_bytes());
        let difference = estimate(&long).abs_diff(running.tokens());
        // three seams and the rounding
        assert!(difference <= 4 * 2, "{count}: {difference}");
    }
}

#[test]
fn a_running_estimate_is_the_same_at_every_split() {
    let text = "Some words_with 12345, ein längeres Wörtchen 今天\n    code(x);  ";
    let whole = estimate_bytes(text.as_bytes());
    for at in 0..=text.len() {
        let (a, b) = text.as_bytes().split_at(at);
        let mut running = Running::default();
        running.feed(a);
        let before = running.tokens();
        running.feed(b);
        assert_eq!(running.tokens(), whole);
        assert!(before <= whole + 1);
    }
    assert_eq!(Running::default().tokens(), 0);
}

#[test]
fn no_character_is_free_and_no_byte_costs_more_than_two_tokens() {
    let characters = "a1 \n_.é\u{301}ßłÑяіөΩאعیܐअবગதకසกກကႠẾ→—あ漢語錢한가ꦀ，ﷲ❤\u{fe0f}🦀";
    for one in characters.chars() {
        for other in characters.chars() {
            let text = [one, other].iter().collect::<String>().repeat(300);
            let tokens = estimate(&text);
            assert!(
                (10..=2 * text.len() as u64).contains(&tokens),
                "{one:?} {other:?}: {tokens}"
            );
        }
    }
    for byte in 0..=255 {
        assert!(estimate_bytes(&[byte; 600]) <= 2 * 600, "{byte}");
    }
}
