//! Random seed files: whatever the bytes are, reading gives columns and rows or an error that names a line; nothing panics,
//! hangs, or takes all memory, and both passes agree.
//!
//! Short by default; `DVT_FUZZ_SECONDS=3600` runs an hour, `DVT_FUZZ_SEED` chooses where it starts. A failure names the
//! seed of its case.

use super::tests::seed;
use super::{SeedError, rows};
use std::time::{Duration, Instant};

/// A generator of small random numbers (splitmix64): the same seed gives the same case everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// What stands in a field: every kind of value, its edges, and what only looks like one.
const FIELDS: &[&str] = &[
    "",
    "0",
    "1",
    "-1",
    "+1",
    "007",
    "1.0",
    "1.",
    ".5",
    "1e3",
    "1E+400",
    "-0.0",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "3.4028236e38",
    "0x1F",
    "1_000",
    "1,5",
    "NaN",
    "nan",
    "inf",
    "-Infinity",
    "true",
    "FALSE",
    "t",
    "yes",
    "null",
    "NULL",
    "None",
    "N/A",
    "na",
    "2024-02-29",
    "2023-02-29",
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "-0044-03-15",
    "2024-01-01 25:00:00",
    "2024-01-01T00:00:00.123456789Z",
    "2024-01-01 12:00:00+14:00",
    "24:00",
    "infinity",
    "é",
    "\u{202e}x",
    "\u{0}",
    "\u{feff}",
    "a\tb",
    "😀",
    "\"quoted\"",
    "\"a,b\"",
    "\"a\nb\"",
    "\"a\"\"b\"",
    "\"open",
    "x\"y",
    "'single'",
    " 1",
    "1 ",
    "{}",
    "[1,2]",
    "\\N",
    "{{ 1 }}",
    "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
    "0.00000000000000000000000000000000000000000000000000000000000000000000000000001",
];

const TYPES: &[&str] = &[
    "integer",
    "bigint",
    "smallint",
    "numeric(10,2)",
    "numeric(76,76)",
    "numeric(0,-5)",
    "decimal",
    "text",
    "varchar(3)",
    "date",
    "timestamp",
    "timestamptz",
    "boolean",
    "double precision",
    "real",
    "uuid",
    "no such type",
    "",
    "numeric(",
];

fn file(random: &mut Random) -> Vec<u8> {
    let mut text = String::new();
    let separator = random.pick(&[",", ",", ",", ";", "\t", "|"]);
    let columns = 1 + random.below(6);
    let lines = random.below(40);
    if random.below(8) == 0 {
        text.push('\u{feff}');
    }
    for line in 0..lines {
        let fields = if random.below(12) == 0 { random.below(9) } else { columns };
        for index in 0..fields {
            if index > 0 {
                text.push_str(separator);
            }
            match (line, random.below(3)) {
                (0, 1 | 2) => text.push_str(random.pick(&["id", "name", "ID", "at", "a b", "\"q\"", "", "1"])),
                _ => text.push_str(random.pick(FIELDS)),
            }
        }
        text.push_str(random.pick(&["\n", "\n", "\n", "\r\n", "\r", "\n\n", ""]));
    }
    if random.below(30) == 0 {
        text.push_str(&"x".repeat(random.below(3_000_000)));
    }
    let mut bytes = text.into_bytes();
    for _ in 0..[0, 0, 0, 1, 5][random.below(5)] {
        let byte = u8::try_from(random.below(256)).unwrap();
        let at = random.below(bytes.len() + 1);
        match random.below(3) {
            0 => bytes.insert(at, byte),
            1 if at < bytes.len() => bytes[at] = byte,
            _ => bytes.truncate(at),
        }
    }
    bytes
}

fn case(random: &mut Random) {
    let bytes = file(random);
    let types: Vec<(&str, &str)> =
        (0..random.below(3)).map(|_| (random.pick(&["id", "name", "at", "missing"]), random.pick(TYPES))).collect();
    let delimiter = [b',', b',', b';', b'\t', b'|', b'"', b'\n'][random.below(7)];
    let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64 + 1;
    let (_file, read) = seed(&bytes, &types, delimiter);
    let read = match read {
        Ok(read) => read,
        Err(error) => return assert_placed(&error, lines),
    };
    for schema in [Some(read.schema()), read.exact_schema()].into_iter().flatten() {
        let mut rows = 0u64;
        let done = rows::read_rows(&read, &schema, |batch| {
            assert_eq!(batch.num_columns(), read.columns.len());
            rows += batch.num_rows() as u64;
            true
        });
        match done {
            Ok(()) => assert_eq!(rows, read.rows, "the passes count other rows"),
            Err(SeedError::Changed { .. }) => panic!("the passes do not agree: {:?}", read.columns),
            Err(error) => assert_placed(&error, lines),
        }
    }
}

/// An error that has a line has one of the file, and can be shown.
fn assert_placed(error: &SeedError, lines: u64) {
    assert!(error.line().is_none_or(|line| line >= 1 && line <= lines), "{error}");
    assert!(!error.to_string().is_empty());
}

#[test]
fn random_seeds_do_no_harm() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<f64>().ok());
    let seconds = number("DVT_FUZZ_SECONDS").unwrap_or(0.5);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a seed chosen by hand")]
    let first = number("DVT_FUZZ_SEED").unwrap_or(1.0) as u64;
    let start = Instant::now();
    let mut seed = first;
    while seed == first || start.elapsed() < Duration::from_secs_f64(seconds) {
        let began = Instant::now();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&mut Random(seed))));
        assert!(outcome.is_ok(), "DVT_FUZZ_SEED={seed} panics");
        assert!(began.elapsed() < Duration::from_secs(20), "DVT_FUZZ_SEED={seed} takes {:?}", began.elapsed());
        seed += 1;
    }
    println!("{} seeds", seed - first);
}
