//! Makes rows of the blank lines of a CSV file.
//!
//! For dbt a blank line behind the header is a row of NULLs, also at the end of the file; the CSV reader passes over it. So
//! it is given an empty value on the way: `""`. Lines keep their numbers.

use memchr::{memchr, memchr2};
use std::io::{self, Read};

const BUFFER: usize = 1 << 16;

pub(crate) struct BlankLines<R> {
    source: R,
    delimiter: u8,
    input: Vec<u8>,
    output: Vec<u8>,
    /// How much of `output` was handed out.
    given: usize,
    line: Line,
}

/// Where in the file the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Before the header.
    Nothing,
    /// At the start of a line; a carriage return may be held back.
    Start {
        held: bool,
    },
    /// In a line, at the start of a value or behind it.
    Value {
        starts: bool,
    },
    Quoted,
    /// Behind a quote in a quoted value: it ends, or the quote is doubled.
    QuoteInQuoted,
}

impl<R: Read> BlankLines<R> {
    pub(crate) fn new(source: R, delimiter: u8) -> Self {
        Self { source, delimiter, input: vec![0; BUFFER], output: Vec::new(), given: 0, line: Line::Nothing }
    }

    /// Copies what cannot matter at once, and looks at the rest byte by byte.
    fn take_all(&mut self, mut bytes: &[u8]) {
        while let [first, rest @ ..] = bytes {
            let taken = match self.line {
                Line::Quoted => memchr(b'"', bytes).unwrap_or(bytes.len()),
                Line::Value { .. } => memchr2(b'\n', b'"', bytes).unwrap_or(bytes.len()),
                _ => 0,
            };
            let (plain, behind) = bytes.split_at(taken);
            let Some(last) = plain.last() else {
                self.take(*first);
                bytes = rest;
                continue;
            };
            self.output.extend_from_slice(plain);
            if let Line::Value { starts } = &mut self.line {
                *starts = *last == self.delimiter;
            }
            bytes = behind;
        }
    }

    fn take(&mut self, byte: u8) {
        if let Line::Start { held } = self.line {
            match (byte, held) {
                (b'\n', _) => self.output.extend_from_slice(b"\"\""),
                (b'\r', false) => {
                    self.line = Line::Start { held: true };
                    return;
                }
                _ => {}
            }
            if held {
                self.output.push(b'\r');
            }
        }
        self.output.push(byte);
        self.line = match (self.line, byte) {
            (Line::Nothing, b'\n' | b'\r') => Line::Nothing,
            (Line::Quoted, b'"') => Line::QuoteInQuoted,
            (Line::QuoteInQuoted, b'"') | (Line::Quoted, _) => Line::Quoted,
            (_, b'\n') => Line::Start { held: false },
            (Line::Nothing | Line::Start { .. } | Line::Value { starts: true }, b'"') => Line::Quoted,
            (_, other) => Line::Value { starts: other == self.delimiter },
        };
    }
}

impl<R: Read> Read for BlankLines<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while self.given == self.output.len() {
            let read = self.source.read(&mut self.input)?;
            self.output.clear();
            self.given = 0;
            if read == 0 {
                if self.line == (Line::Start { held: true }) {
                    self.line = Line::Nothing;
                    self.output.push(b'\r');
                    break;
                }
                return Ok(0);
            }
            let input = std::mem::take(&mut self.input);
            self.take_all(&input[..read]);
            self.input = input;
        }
        let rest = &self.output[self.given..];
        let count = rest.len().min(target.len());
        target[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::BlankLines;
    use std::io::Read;

    /// The same, however the file's bytes come.
    struct Pieces<'t>(&'t [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(target.len()).min(self.0.len());
            let (now, later) = self.0.split_at(count);
            target[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    #[test]
    fn blank_lines_behind_the_header_hold_an_empty_value() {
        for (text, expected) in [
            ("a,b\n1,2\n", "a,b\n1,2\n"),
            ("a\n\n1\n\n\n", "a\n\"\"\n1\n\"\"\n\"\"\n"),
            ("\n\na\n1", "\n\na\n1"),
            ("a\r\n\r\n1\r\n", "a\r\n\"\"\r\n1\r\n"),
            // Inside of quotes a line is a part of the value.
            ("a,b\n1,\"x\n\ny\"\n\n", "a,b\n1,\"x\n\ny\"\n\"\"\n"),
            ("a\n\"x\"\"\n\n\"\n", "a\n\"x\"\"\n\n\"\n"),
            ("a,b\n1,\"x\n\"\n\n,\"\n\n\"\n", "a,b\n1,\"x\n\"\n\"\"\n,\"\n\n\"\n"),
            // A quote inside of a value opens nothing.
            ("a\nit\"s\n\n1\n", "a\nit\"s\n\"\"\n1\n"),
        ] {
            for size in [1, 2, 3, 100] {
                let mut found = String::new();
                BlankLines::new(Pieces(text.as_bytes(), size), b',').read_to_string(&mut found).unwrap();
                assert_eq!(found, expected, "{text:?}");
            }
        }
    }
}
