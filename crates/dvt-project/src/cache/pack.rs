//! Values as bytes and back: small, quick, and never a panic, whatever the bytes are.
//!
//! A type's fields are listed once, in a pattern that names them all: a new field does not compile until it is packed.

use dvt_diagnostics::{SourceFile, Span};
use indexmap::IndexMap;
use serde_json::{Map, Number, Value};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// The deepest nesting of JSON values that is read back; what a project file can hold is far from it.
const MAXIMUM_DEPTH: usize = 200;

/// Bytes being written, and the files that they point into.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    /// Every file that was met, by the address of its value, with its place in the table.
    known: HashMap<*const SourceFile, usize>,
    pub(super) files: Vec<Arc<SourceFile>>,
    /// Something has no exact form in bytes.
    pub(super) has_failed: bool,
}

/// Bytes being read.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) files: Vec<Arc<SourceFile>>,
    depth: usize,
}

/// A value that can be written to bytes and read back equal. `None`: the bytes hold no such value.
pub(super) trait Pack: Sized {
    fn put(&self, writer: &mut Writer);
    fn take(reader: &mut Reader<'_>) -> Option<Self>;
}

impl Writer {
    /// With these files at the head of the table, in this order.
    pub(super) fn with_files(files: impl Iterator<Item = Arc<SourceFile>>) -> Self {
        let mut writer = Self::default();
        for file in files {
            writer.place_of(&file);
        }
        writer
    }

    fn place_of(&mut self, file: &Arc<SourceFile>) -> usize {
        let next = self.files.len();
        let place = *self.known.entry(Arc::as_ptr(file)).or_insert(next);
        if place == next {
            self.files.push(Arc::clone(file));
        }
        place
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Seven bits to a byte, the lowest first.
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            #[expect(clippy::cast_possible_truncation, reason = "the lowest seven bits are meant")]
            self.bytes.push((number as u8) | 0x80);
            number >>= 7;
        }
        #[expect(clippy::cast_possible_truncation, reason = "less than 128")]
        self.bytes.push(number as u8);
    }

    pub(super) fn length(&mut self, length: usize) {
        self.number(length as u64);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], files: Vec<Arc<SourceFile>>) -> Self {
        Self { bytes, files, depth: 0 }
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A count of things, each of which takes a byte at least.
    pub(super) fn length(&mut self) -> Option<usize> {
        let length = usize::try_from(self.number()?).ok()?;
        (length <= self.bytes.len()).then_some(length)
    }

    pub(super) fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(slice)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.slice(length)?).ok()
    }
}

/// Packs a struct by its fields.
macro_rules! pack_struct {
    ($($type:ident { $($field:ident),* $(,)? })*) => {
        $(impl $crate::cache::pack::Pack for $type {
            fn put(&self, writer: &mut $crate::cache::pack::Writer) {
                let Self { $($field),* } = self;
                $($crate::cache::pack::Pack::put($field, writer);)*
            }

            fn take(reader: &mut $crate::cache::pack::Reader<'_>) -> Option<Self> {
                Some(Self { $($field: $crate::cache::pack::Pack::take(reader)?),* })
            }
        })*
    };
}

/// Packs an enum of names by their place in the list.
macro_rules! pack_names {
    ($($type:ident { $($name:ident),* $(,)? })*) => {
        $(impl $crate::cache::pack::Pack for $type {
            fn put(&self, writer: &mut $crate::cache::pack::Writer) {
                // The match makes sure that no name is missing in the list.
                match self {
                    $(Self::$name)|* => {}
                }
                let all = [$(Self::$name),*];
                let place = all.iter().position(|name| name == self).unwrap_or_default();
                writer.length(place);
            }

            fn take(reader: &mut $crate::cache::pack::Reader<'_>) -> Option<Self> {
                let place = usize::try_from(reader.number()?).ok()?;
                [$(Self::$name),*].get(place).copied()
            }
        })*
    };
}

pub(super) use {pack_names, pack_struct};

impl Pack for String {
    fn put(&self, writer: &mut Writer) {
        writer.text(self);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        reader.text().map(str::to_owned)
    }
}

impl Pack for bool {
    fn put(&self, writer: &mut Writer) {
        writer.byte(u8::from(*self));
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        match reader.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Pack for usize {
    fn put(&self, writer: &mut Writer) {
        writer.length(*self);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Self::try_from(reader.number()?).ok()
    }
}

impl Pack for i64 {
    fn put(&self, writer: &mut Writer) {
        writer.bytes.extend_from_slice(&self.to_le_bytes());
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self::from_le_bytes(reader.slice(8)?.try_into().ok()?))
    }
}

impl Pack for f64 {
    fn put(&self, writer: &mut Writer) {
        writer.bytes.extend_from_slice(&self.to_le_bytes());
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self::from_le_bytes(reader.slice(8)?.try_into().ok()?))
    }
}

impl Pack for char {
    fn put(&self, writer: &mut Writer) {
        writer.number(u64::from(u32::from(*self)));
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Self::from_u32(u32::try_from(reader.number()?).ok()?)
    }
}

impl Pack for [u8; 32] {
    fn put(&self, writer: &mut Writer) {
        writer.bytes.extend_from_slice(self);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        reader.slice(32)?.try_into().ok()
    }
}

impl<T: Pack> Pack for Option<T> {
    fn put(&self, writer: &mut Writer) {
        self.is_some().put(writer);
        if let Some(value) = self {
            value.put(writer);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        if bool::take(reader)? { T::take(reader).map(Some) } else { Some(None) }
    }
}

impl<T: Pack> Pack for Box<T> {
    fn put(&self, writer: &mut Writer) {
        (**self).put(writer);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        T::take(reader).map(Self::new)
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn put(&self, writer: &mut Writer) {
        writer.length(self.len());
        for item in self {
            item.put(writer);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let length = reader.length()?;
        // Not more at once than the bytes can hold, whatever the length says.
        let mut items = Self::with_capacity(length.min(1024));
        for _ in 0..length {
            items.push(T::take(reader)?);
        }
        Some(items)
    }
}

impl<A: Pack, B: Pack> Pack for (A, B) {
    fn put(&self, writer: &mut Writer) {
        self.0.put(writer);
        self.1.put(writer);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some((A::take(reader)?, B::take(reader)?))
    }
}

impl<T: Pack> Pack for IndexMap<String, T> {
    fn put(&self, writer: &mut Writer) {
        writer.length(self.len());
        for (key, value) in self {
            writer.text(key);
            value.put(writer);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let length = reader.length()?;
        let mut map = Self::with_capacity(length.min(1 << 16));
        for _ in 0..length {
            let key = String::take(reader)?;
            map.insert(key, T::take(reader)?);
        }
        Some(map)
    }
}

impl Pack for Range<usize> {
    fn put(&self, writer: &mut Writer) {
        writer.length(self.start);
        writer.length(self.end);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some(usize::take(reader)?..usize::take(reader)?)
    }
}

impl Pack for Arc<SourceFile> {
    fn put(&self, writer: &mut Writer) {
        let place = writer.place_of(self);
        writer.length(place);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let place = usize::take(reader)?;
        reader.files.get(place).cloned()
    }
}

impl Pack for Span {
    fn put(&self, writer: &mut Writer) {
        let Self { file, range } = self;
        file.put(writer);
        range.put(writer);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { file: Pack::take(reader)?, range: Pack::take(reader)? })
    }
}

impl Pack for Number {
    fn put(&self, writer: &mut Writer) {
        if let Some(number) = self.as_u64() {
            writer.byte(0);
            writer.number(number);
        } else if let Some(number) = self.as_i64() {
            writer.byte(1);
            number.put(writer);
        } else {
            writer.byte(2);
            let number = self.as_f64().unwrap_or(f64::NAN);
            writer.has_failed |= Self::from_f64(number).as_ref() != Some(self);
            number.put(writer);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        match reader.byte()? {
            0 => Some(Self::from(reader.number()?)),
            1 => Some(Self::from(i64::take(reader)?)),
            2 => Self::from_f64(f64::take(reader)?),
            _ => None,
        }
    }
}

impl Pack for Value {
    fn put(&self, writer: &mut Writer) {
        match self {
            Self::Null => writer.byte(0),
            Self::Bool(false) => writer.byte(1),
            Self::Bool(true) => writer.byte(2),
            Self::Number(number) => {
                writer.byte(3);
                number.put(writer);
            }
            Self::String(text) => {
                writer.byte(4);
                writer.text(text);
            }
            Self::Array(items) => {
                writer.byte(5);
                items.put(writer);
            }
            Self::Object(map) => {
                writer.byte(6);
                map.put(writer);
            }
        }
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let deeper = |reader: &mut Reader<'_>| {
            reader.depth += 1;
            (reader.depth <= MAXIMUM_DEPTH).then_some(())
        };
        Some(match reader.byte()? {
            0 => Self::Null,
            1 => Self::Bool(false),
            2 => Self::Bool(true),
            3 => Self::Number(Number::take(reader)?),
            4 => Self::String(String::take(reader)?),
            5 => {
                deeper(reader)?;
                let items = Vec::take(reader)?;
                reader.depth -= 1;
                Self::Array(items)
            }
            6 => {
                deeper(reader)?;
                let map = Map::take(reader)?;
                reader.depth -= 1;
                Self::Object(map)
            }
            _ => return None,
        })
    }
}

impl Pack for Map<String, Value> {
    fn put(&self, writer: &mut Writer) {
        writer.length(self.len());
        for (key, value) in self {
            writer.text(key);
            value.put(writer);
        }
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let length = reader.length()?;
        let mut map = Self::with_capacity(length.min(1024));
        for _ in 0..length {
            let key = String::take(reader)?;
            map.insert(key, Pack::take(reader)?);
        }
        Some(map)
    }
}
