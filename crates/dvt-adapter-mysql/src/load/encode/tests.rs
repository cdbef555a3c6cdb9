//! What is written for a value.

use super::{civil, escape, put_decimal, put_int, put_padded};

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = b"|".to_vec();
    write(&mut out);
    String::from_utf8(out.split_off(1)).unwrap()
}

#[test]
fn texts_are_escaped_for_load_data() {
    assert_eq!(text(|out| escape(out, "a\tb\nc\\N\0 'd' \u{1a}")), "a\\tb\\nc\\\\N\\0 'd' \u{1a}");
    assert_eq!(text(|out| escape(out, "plain ☕")), "plain ☕");
}

#[test]
fn numbers_are_written_out() {
    assert_eq!(text(|out| put_int(out, i64::MIN)), i64::MIN.to_string());
    assert_eq!(text(|out| put_int(out, 0)), "0");
    assert_eq!(text(|out| put_padded(out, 7, 4)), "0007");
    let decimal = |unscaled: &str, scale| text(|out| put_decimal(out, unscaled, scale));
    assert_eq!(decimal("-5", 2), "-0.05");
    assert_eq!(decimal("12345", 2), "123.45");
    assert_eq!(decimal("12", -2), "1200");
    assert_eq!(decimal("0", 0), "0");
}

#[test]
fn days_become_dates() {
    assert_eq!(civil(0), (1970, 1, 1));
    assert_eq!(civil(-719_162), (1, 1, 1));
    assert_eq!(civil(2_932_896), (9999, 12, 31));
    assert_eq!(civil(19_782), (2024, 2, 29));
}
