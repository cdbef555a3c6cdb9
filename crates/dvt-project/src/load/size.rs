//! Sizes as people write them: `512MB`, `2 GiB`, `1.5GB`.

/// Bytes of a size. `KB MB GB TB` count in thousands, `KiB MiB GiB TiB` (and `K M G T`) in 1024; a bare number is bytes.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let number = text.get(..digits)?;
    let factor: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).filter(|&bytes| bytes > 0);
    }
    let bytes = number.parse::<f64>().ok()? * factor as f64;
    (bytes >= 1.0 && bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[test]
fn sizes_are_read_as_people_write_them() {
    for (text, bytes) in [
        ("512MB", Some(512_000_000)),
        ("1 GiB", Some(1 << 30)),
        ("1.5GB", Some(1_500_000_000)),
        ("4g", Some(4 << 30)),
        ("1048576", Some(1_048_576)),
        ("0", None),
        ("MB", None),
        ("5 parsecs", None),
        ("-1MB", None),
    ] {
        assert_eq!(parse_size(text), bytes, "{text}");
    }
}
