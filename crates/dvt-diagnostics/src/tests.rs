//! Both forms of a diagnostic, places in files, secrets and suggestions.

use crate::{Diagnostic, Redactor, RenderStyle, Secret, SourceFile, Span, did_you_mean, render, render_line};

fn file() -> std::sync::Arc<SourceFile> {
    SourceFile::new("models/m.sql", "select\n  größe,\n  amount\nfrom t\n")
}

#[test]
fn the_full_form_shows_the_users_line_and_what_to_do() {
    let file = file();
    let diagnostic = Diagnostic::error("unknown-column", "column `amount` does not exist in `t`")
        .label(Span::line(&file, 3), "not a column")
        .note("its columns are `amt`")
        .help("did you mean `amt`?");
    assert_eq!(
        render(&diagnostic, RenderStyle::Plain),
        "error[unknown-column]: column `amount` does not exist in `t`
 --> models/m.sql:3:3
  |
3 |   amount
  |   ^^^^^^ not a column
  |
  = note: its columns are `amt`
help: did you mean `amt`?"
    );
    assert_eq!(
        render_line(&diagnostic),
        "models/m.sql:3:3: error[unknown-column]: column `amount` does not exist in `t`"
    );
}

#[test]
fn without_a_place_there_is_no_gutter() {
    let diagnostic = Diagnostic::warning("w", "careful").note("because").help("do this").help("or that");
    let expected = "warning[w]: careful\n = note: because\nhelp: do this\nhelp: or that";
    assert_eq!(render(&diagnostic, RenderStyle::Plain), expected);
    let visible: String = render(&diagnostic, RenderStyle::Colored)
        .split('\u{1b}')
        .enumerate()
        .map(|(index, part)| if index == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) })
        .collect();
    assert_eq!(visible, expected);
}

#[test]
fn a_range_outside_the_text_is_shown_at_its_end() {
    let file = file();
    for (start, end) in [(1_000, 2_000), (12, 11), (13, 14)] {
        let range = start..end;
        let diagnostic = Diagnostic::error("x", "wrong").label(Span::new(&file, range), "here");
        assert!(render(&diagnostic, RenderStyle::Plain).contains("models/m.sql"));
    }
}

#[test]
fn columns_count_characters_and_come_back_as_offsets() {
    let file = file();
    for (text, place) in [("größe", (2, 3)), (",", (2, 8)), ("amount", (3, 3))] {
        let offset = file.text.find(text).unwrap();
        assert_eq!(file.line_column(offset), place);
        assert_eq!(file.offset(place.0, place.1), offset);
    }
    assert_eq!(file.offset(99, 1), file.text.len());
}

#[test]
fn known_secrets_are_replaced_and_never_printed() {
    let secret = Secret::new("hunter2");
    assert_eq!(format!("{secret:?}"), "***");
    let mut redactor = Redactor::default();
    redactor.add(secret);
    redactor.add(Secret::new("hunter2-long"));
    redactor.add(Secret::new("ab"));
    assert_eq!(redactor.redact("a hunter2-long b hunter2 ab"), "a ***** b ***** ab");
    assert!(!format!("{redactor:?}").contains("hunter2"));
}

#[test]
fn near_names_are_suggested_and_far_ones_are_not() {
    for (wrong, known, near) in [
        ("ordres", &["orders", "customers"][..], Some("orders")),
        ("amount", &["total_amount", "id"], Some("total_amount")),
        ("x", &["orders"], None),
        ("Orders", &["orders"], Some("orders")),
    ] {
        assert_eq!(did_you_mean(wrong, known.iter().copied()), near, "{wrong}");
    }
}
