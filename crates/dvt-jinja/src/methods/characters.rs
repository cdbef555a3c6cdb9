//! Python's questions about characters, where Rust has no table of its own.

/// Where Unicode's blocks of ten decimal digits start.
const DECIMAL_ZEROS: &[u32] = &[
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620,
    0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x11066, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC,
    0x1D7F6,
];

/// `str.isdecimal`: a digit that numbers are written with.
pub(super) fn is_decimal(character: char) -> bool {
    let code = u32::from(character);
    DECIMAL_ZEROS.iter().any(|zero| (*zero..zero + 10).contains(&code))
}

/// `str.isdigit`: a decimal, or a digit with a form of its own (superscript, circled).
pub(super) fn is_digit(character: char) -> bool {
    is_decimal(character)
        || matches!(u32::from(character),
            0xB2 | 0xB3 | 0xB9 | 0x2070 | 0x2074..=0x2079 | 0x2080..=0x2089 | 0x2460..=0x2468 | 0x2474..=0x247C
            | 0x2488..=0x2490 | 0x24EA | 0x24F5..=0x24FD | 0x24FF | 0x2776..=0x277E | 0x2780..=0x2788 | 0x278A..=0x2792)
}

/// `str.isprintable`: no control character, and no blank but the plain one.
pub(super) fn is_printable(character: char) -> bool {
    character == ' ' || !(character.is_control() || character.is_whitespace() || is_format(character))
}

/// Characters that steer the layout and print nothing.
fn is_format(character: char) -> bool {
    matches!(u32::from(character), 0xAD | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xFEFF | 0xE000..=0xF8FF)
}

/// `str.splitlines`: the lines, each with its end when `keeps_ends`.
pub(super) fn lines(text: &str, keeps_ends: bool) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        let is_end = matches!(u32::from(character), 0x0A..=0x0D | 0x1C..=0x1E | 0x85 | 0x2028 | 0x2029);
        if !is_end {
            continue;
        }
        let mut end = index + character.len_utf8();
        if character == '\r' && characters.next_if(|(_, next)| *next == '\n').is_some() {
            end += 1;
        }
        lines.push(if keeps_ends { &text[start..end] } else { &text[start..index] });
        start = end;
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

/// `str.expandtabs`: each tab fills up to the next multiple of `size` columns.
pub(super) fn expand_tabs(text: &str, size: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for character in text.chars() {
        match character {
            '\t' if size > 0 => {
                let width = size - column % size;
                out.extend(std::iter::repeat_n(' ', width));
                column += width;
            }
            '\t' => {}
            '\n' | '\r' => {
                out.push(character);
                column = 0;
            }
            other => {
                out.push(other);
                column += 1;
            }
        }
    }
    out
}
