//! What the protocol says about a result column.

use super::wire::Pieces;

/// The type codes of the protocol, as numbers. Source: MySQL manual, "Field Types".
pub(crate) mod code {
    pub(crate) const DECIMAL: u8 = 0x00;
    pub(crate) const TINY: u8 = 0x01;
    pub(crate) const SHORT: u8 = 0x02;
    pub(crate) const LONG: u8 = 0x03;
    pub(crate) const FLOAT: u8 = 0x04;
    pub(crate) const DOUBLE: u8 = 0x05;
    pub(crate) const NULL: u8 = 0x06;
    pub(crate) const TIMESTAMP: u8 = 0x07;
    pub(crate) const LONGLONG: u8 = 0x08;
    pub(crate) const INT24: u8 = 0x09;
    pub(crate) const DATE: u8 = 0x0a;
    pub(crate) const TIME: u8 = 0x0b;
    pub(crate) const DATETIME: u8 = 0x0c;
    pub(crate) const YEAR: u8 = 0x0d;
    pub(crate) const BIT: u8 = 0x10;
    pub(crate) const JSON: u8 = 0xf5;
    pub(crate) const NEWDECIMAL: u8 = 0xf6;
    pub(crate) const ENUM: u8 = 0xf7;
    pub(crate) const SET: u8 = 0xf8;
    pub(crate) const TINY_BLOB: u8 = 0xf9;
    pub(crate) const MEDIUM_BLOB: u8 = 0xfa;
    pub(crate) const LONG_BLOB: u8 = 0xfb;
    pub(crate) const BLOB: u8 = 0xfc;
    pub(crate) const VAR_STRING: u8 = 0xfd;
    pub(crate) const STRING: u8 = 0xfe;
    pub(crate) const GEOMETRY: u8 = 0xff;
}

pub(crate) mod flag {
    pub(crate) const NOT_NULL: u16 = 0x0001;
    pub(crate) const UNSIGNED: u16 = 0x0020;
    pub(crate) const ENUM: u16 = 0x0100;
    pub(crate) const SET: u16 = 0x0800;
}

/// The `binary` character set: the bytes are no text.
pub(crate) const BINARY_CHARSET: u16 = 63;

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The collation's number.
    pub(crate) charset: u16,
    /// The longest value in bytes.
    pub(crate) length: u32,
    pub(crate) code: u8,
    pub(crate) flags: u16,
    /// Digits behind the point; 31 for a floating number.
    pub(crate) decimals: u8,
}

impl Column {
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let mut pieces = Pieces(payload);
        // Catalog, schema, table, original table.
        for _ in 0..4 {
            pieces.sized()?;
        }
        let name = String::from_utf8_lossy(pieces.sized()?).into_owned();
        pieces.sized()?;
        pieces.length()?;
        Some(Self {
            name,
            charset: pieces.u16()?,
            length: pieces.u32()?,
            code: pieces.u8()?,
            flags: pieces.u16()?,
            decimals: pieces.u8()?,
        })
    }

    pub(crate) fn is_unsigned(&self) -> bool {
        self.flags & flag::UNSIGNED != 0
    }

    pub(crate) fn is_not_null(&self) -> bool {
        self.flags & flag::NOT_NULL != 0
    }
}
