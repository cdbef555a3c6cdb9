//! Version specifiers of `require-adapters`, as Python's packages have them.
//!
//! Source: PyPA's "Version specifiers" (PEP 440), for released versions: numbers with points. Other forms are refused.

use std::cmp::Ordering;
use std::fmt;

/// `>=1.5,<2.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionSpecifier {
    clauses: Vec<Clause>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Clause {
    operator: &'static str,
    version: Vec<u64>,
    /// `==1.8.*`.
    is_prefix: bool,
}

/// A text that is no specifier.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not a version specifier like `>=1.5,<2.0`")]
pub struct InvalidSpecifier {
    pub text: String,
}

/// The longer ones first.
const OPERATORS: [&str; 7] = ["~=", "==", "!=", ">=", "<=", ">", "<"];

impl VersionSpecifier {
    /// Reads clauses with commas between; a bare version means exactly that one.
    ///
    /// # Errors
    /// [`InvalidSpecifier`] for anything but operators and numbers.
    pub fn parse(text: &str) -> Result<Self, InvalidSpecifier> {
        let wrong = || InvalidSpecifier { text: text.to_owned() };
        let mut clauses = Vec::new();
        for clause in text.split(',') {
            let clause = clause.trim();
            let (operator, version) = OPERATORS
                .iter()
                .find_map(|operator| Some((*operator, clause.strip_prefix(operator)?)))
                .unwrap_or(("==", clause));
            let version = version.trim();
            let (version, is_prefix) = match version.strip_suffix(".*") {
                Some(version) if matches!(operator, "==" | "!=") => (version, true),
                Some(_) => return Err(wrong()),
                None => (version, false),
            };
            let version = numbers(version).ok_or_else(wrong)?;
            if operator == "~=" && version.len() < 2 {
                return Err(wrong());
            }
            clauses.push(Clause { operator, version, is_prefix });
        }
        Ok(Self { clauses })
    }

    /// Whether a released version is one of those meant; false for a version that is not made of numbers.
    #[must_use]
    pub fn matches(&self, version: &str) -> bool {
        numbers(version).is_some_and(|version| self.clauses.iter().all(|clause| clause.matches(&version)))
    }
}

impl Clause {
    fn matches(&self, version: &[u64]) -> bool {
        let order = compare(version, &self.version);
        let has_prefix = |prefix: &[u64]| {
            prefix.iter().enumerate().all(|(index, part)| version.get(index).copied().unwrap_or(0) == *part)
        };
        match self.operator {
            "==" if self.is_prefix => has_prefix(&self.version),
            "!=" if self.is_prefix => !has_prefix(&self.version),
            "==" => order == Ordering::Equal,
            "!=" => order != Ordering::Equal,
            ">=" => order != Ordering::Less,
            "<=" => order != Ordering::Greater,
            ">" => order == Ordering::Greater,
            "<" => order == Ordering::Less,
            _ => order != Ordering::Less && has_prefix(&self.version[..self.version.len() - 1]),
        }
    }
}

impl fmt::Display for VersionSpecifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, clause) in self.clauses.iter().enumerate() {
            let version: Vec<String> = clause.version.iter().map(u64::to_string).collect();
            let comma = if index == 0 { "" } else { "," };
            let star = if clause.is_prefix { ".*" } else { "" };
            write!(f, "{comma}{}{}{star}", clause.operator, version.join("."))?;
        }
        Ok(())
    }
}

/// The parts of a version of numbers and points.
fn numbers(text: &str) -> Option<Vec<u64>> {
    text.split('.')
        .map(|part| if part.bytes().all(|b| b.is_ascii_digit()) { part.parse().ok() } else { None })
        .collect()
}

/// `1.5` and `1.5.0` are one version.
fn compare(one: &[u64], other: &[u64]) -> Ordering {
    let part = |version: &[u64], index: usize| version.get(index).copied().unwrap_or(0);
    (0..one.len().max(other.len()))
        .map(|index| part(one, index).cmp(&part(other, index)))
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::VersionSpecifier;

    #[test]
    fn specifiers_mean_what_pythons_do() {
        let check = |specifier: &str, fits: &[&str], fits_not: &[&str]| {
            let parsed = VersionSpecifier::parse(specifier).unwrap();
            for version in fits {
                assert!(parsed.matches(version), "{specifier} takes {version}");
            }
            for version in fits_not {
                assert!(!parsed.matches(version), "{specifier} does not take {version}");
            }
        };
        check(">=1.5.0", &["1.5", "1.5.0", "1.12.4", "2"], &["1.4.9", "0.9", "1.5rc1"]);
        check(">=1.5,<1.9", &["1.5", "1.8.99"], &["1.9", "1.9.0", "1.10"]);
        check("1.8.4", &["1.8.4", "1.8.4.0"], &["1.8.3"]);
        check("==1.8.*", &["1.8", "1.8.9"], &["1.9", "1.80"]);
        check("!=1.8.*", &["1.9"], &["1.8.1"]);
        check("~=1.4.2", &["1.4.2", "1.4.9"], &["1.5.0", "1.4.1"]);
        check("~=1.4", &["1.4", "1.9"], &["2.0", "1.3"]);
        check("> 1.0 , != 1.2", &["1.1"], &["1.0", "1.2.0"]);
    }

    #[test]
    fn what_is_no_specifier_is_refused() {
        for wrong in
            ["", ">=", ">=1.x", "latest", "1.0; import os", ">=1.0 --index-url x", "~=1", ">1.*", "-r /etc/passwd"]
        {
            assert!(VersionSpecifier::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(VersionSpecifier::parse(" >= 1.5 , < 2 ").unwrap().to_string(), ">=1.5,<2");
    }
}
