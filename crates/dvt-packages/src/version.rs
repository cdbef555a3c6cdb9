//! Versions of hub packages and the ranges they are asked for in.
//!
//! Source: semantic versioning 2.0, with dbt's reading of it: a hyphen before a pre-release may be missing, and `<2.0.0`
//! leaves out pre-releases of 2.0.0.

use std::cmp::Ordering;
use std::fmt;

/// `1.2.3`, `1.2.3-rc1`; what follows a plus is kept for printing and says nothing about the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    numbers: [u64; 3],
    prerelease: Option<String>,
    build: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Exact,
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// `>=1.2.3`: one condition on a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    pub(crate) version: Version,
}

/// What all conditions together leave.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Range {
    lower: Option<Condition>,
    upper: Option<Condition>,
}

impl Version {
    /// `None` when the text is no semantic version.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (text, build) = match text.split_once('+') {
            Some((text, build)) => (text, Some(build)),
            None => (text, None),
        };
        let mut rest = text;
        let mut numbers = [0; 3];
        for (index, number) in numbers.iter_mut().enumerate() {
            if index > 0 {
                rest = rest.strip_prefix('.')?;
            }
            let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
            let (digits, after) = rest.split_at(end);
            if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
                return None;
            }
            *number = digits.parse().ok()?;
            rest = after;
        }
        let has_hyphen = rest.starts_with('-');
        let prerelease = rest.strip_prefix('-').unwrap_or(rest);
        let is_word = |part: &str| part.chars().all(|character| character.is_ascii_alphanumeric() || character == '-');
        let has_leading_zero = |part: &str| {
            part.len() > 1 && part.starts_with('0') && part.chars().all(|character| character.is_ascii_digit())
        };
        if prerelease.is_empty() {
            if has_hyphen {
                return None;
            }
        } else if prerelease.split('.').any(|part| part.is_empty() || !is_word(part) || has_leading_zero(part)) {
            return None;
        }
        if build.is_some_and(|build| !build.split('.').all(is_word)) {
            return None;
        }
        Some(Self {
            numbers,
            prerelease: (!prerelease.is_empty()).then(|| prerelease.to_owned()),
            build: build.filter(|build| !build.is_empty()).map(str::to_owned),
        })
    }

    pub(crate) fn is_prerelease(&self) -> bool {
        self.prerelease.is_some()
    }

    /// Order by what semantic versioning compares.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (&self.prerelease, &other.prerelease) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(two)) => compare_prereleases(one, two),
        })
    }
}

/// Part by part: numbers as numbers and before words; the longer one is the later one.
fn compare_prereleases(one: &str, two: &str) -> Ordering {
    let number =
        |part: &str| part.chars().all(|digit| digit.is_ascii_digit()).then(|| part.parse::<u128>().ok()).flatten();
    for (left, right) in one.split('.').zip(two.split('.')) {
        let order = match (number(left), number(right)) {
            (Some(left), Some(right)) => left.cmp(&right),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => left.cmp(right),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    one.len().cmp(&two.len())
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        if let Some(prerelease) = &self.prerelease {
            write!(f, "-{prerelease}")?;
        }
        if let Some(build) = &self.build {
            write!(f, "+{build}")?;
        }
        Ok(())
    }
}

impl Condition {
    /// `None` when the text is no version behind `=`, `>`, `>=`, `<`, `<=` or nothing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (operator, version) = [
            (">=", Operator::AtLeast),
            ("<=", Operator::AtMost),
            (">", Operator::Above),
            ("<", Operator::Below),
            ("=", Operator::Exact),
        ]
        .into_iter()
        .find_map(|(sign, operator)| text.strip_prefix(sign).map(|version| (operator, version)))
        .unwrap_or((Operator::Exact, text));
        Some(Self { operator, version: Version::parse(version)? })
    }

    pub(crate) fn holds(&self, version: &Version) -> bool {
        let order = version.compare(&self.version);
        match self.operator {
            Operator::Exact => order == Ordering::Equal,
            Operator::Above => order == Ordering::Greater,
            Operator::AtLeast => order != Ordering::Less,
            Operator::AtMost => order != Ordering::Greater,
            Operator::Below => {
                let is_its_prerelease =
                    version.is_prerelease() && !self.version.is_prerelease() && version.numbers == self.version.numbers;
                order == Ordering::Less && !is_its_prerelease
            }
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.operator {
            Operator::Exact => "=",
            Operator::Above => ">",
            Operator::AtLeast => ">=",
            Operator::Below => "<",
            Operator::AtMost => "<=",
        };
        write!(f, "{sign}{}", self.version)
    }
}

impl Range {
    /// The range in which all conditions hold; `None` when no version could meet them all.
    pub(crate) fn of(conditions: &[Condition]) -> Option<Self> {
        if let Some(exact) = conditions.iter().find(|condition| condition.operator == Operator::Exact) {
            let all_hold = conditions.iter().all(|condition| condition.holds(&exact.version));
            return all_hold.then(|| Self { lower: Some(exact.clone()), upper: Some(exact.clone()) });
        }
        let mut range = Self::default();
        for condition in conditions {
            let is_lower = matches!(condition.operator, Operator::Above | Operator::AtLeast);
            let bound = if is_lower { &mut range.lower } else { &mut range.upper };
            let is_tighter =
                bound.as_ref().is_none_or(|bound| match (condition.version.compare(&bound.version), is_lower) {
                    (Ordering::Greater, true) | (Ordering::Less, false) => true,
                    (Ordering::Equal, _) => matches!(condition.operator, Operator::Above | Operator::Below),
                    _ => false,
                });
            if is_tighter {
                *bound = Some(condition.clone());
            }
        }
        if let (Some(lower), Some(upper)) = (&range.lower, &range.upper) {
            let both_include = (lower.operator, upper.operator) == (Operator::AtLeast, Operator::AtMost);
            match lower.version.compare(&upper.version) {
                Ordering::Greater => return None,
                Ordering::Equal if !both_include => return None,
                _ => {}
            }
        }
        Some(range)
    }

    pub(crate) fn holds(&self, version: &Version) -> bool {
        [&self.lower, &self.upper].into_iter().flatten().all(|condition| condition.holds(version))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds: Vec<String> = [&self.lower, &self.upper].into_iter().flatten().map(ToString::to_string).collect();
        if bounds.is_empty() { f.write_str("ANY") } else { f.write_str(&bounds.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(texts: &[&str]) -> Vec<Condition> {
        texts.iter().map(|text| Condition::parse(text).unwrap()).collect()
    }

    #[test]
    fn only_semantic_versions_are_versions() {
        for text in ["1.0.0", "0.0.1-rc1", "1.0.0b1", "1.2.3-alpha.1", "1.2.3+build.7", "10.20.30"] {
            assert!(Version::parse(text).is_some(), "{text}");
        }
        for text in
            ["", "1", "1.2", "01.0.0", "1.0.0-", "1.0.0-01", "v1.0.0", "1.0.0.0", "1.0.0 ", "1.x.0", "1.0.0-a_b"]
        {
            assert!(Version::parse(text).is_none(), "{text}");
        }
        assert_eq!(Version::parse("1.0.0b1").unwrap().to_string(), "1.0.0-b1");
    }

    #[test]
    fn versions_order_as_semantic_versioning_says() {
        let ordered =
            ["0.9.0", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-a", "1.0.0-a.1", "1.0.0-b", "1.0.0", "1.0.1", "1.10.0"];
        for pair in ordered.windows(2) {
            let [one, two] = [pair[0], pair[1]].map(|text| Version::parse(text).unwrap());
            assert_eq!(one.compare(&two), Ordering::Less, "{one} {two}");
        }
    }

    #[test]
    fn conditions_hold_as_in_dbt() {
        for (condition, version, expected) in [
            ("1.0.0", "1.0.0", true),
            ("=1.0.0", "1.0.0-rc1", false),
            (">=1.0.0", "1.0.0-rc1", false),
            (">=1.0.0-rc1", "1.0.0", true),
            ("<2.0.0", "2.0.0-rc1", false),
            ("<2.0.0", "1.9.9-rc1", true),
            ("<2.0.0-rc2", "2.0.0-rc1", true),
            ("<=2.0.0", "2.0.0-rc1", true),
            (">1.0.0", "1.0.0", false),
        ] {
            let held = Condition::parse(condition).unwrap().holds(&Version::parse(version).unwrap());
            assert_eq!(held, expected, "{version} {condition}");
        }
    }

    #[test]
    fn ranges_meet_or_say_that_they_do_not() {
        let range = |texts: &[&str]| Range::of(&conditions(texts)).map(|range| range.to_string());
        assert_eq!(range(&[">=1.0.0", "<2.0.0", ">1.0.0", ">=0.5.0"]).as_deref(), Some(">1.0.0, <2.0.0"));
        assert_eq!(range(&["1.0.0", ">=1.0.0"]).as_deref(), Some("=1.0.0, =1.0.0"));
        assert_eq!(range(&[">=1.0.0", "<=1.0.0"]).as_deref(), Some(">=1.0.0, <=1.0.0"));
        assert_eq!(range(&[]).as_deref(), Some("ANY"));
        for none in [&["1.0.0", "1.0.1"][..], &["1.0.0", ">1.0.0"], &[">=1.0.0", "<1.0.0"], &[">2.0.0", "<1.0.0"]] {
            assert_eq!(range(none), None, "{none:?}");
        }
    }
}
