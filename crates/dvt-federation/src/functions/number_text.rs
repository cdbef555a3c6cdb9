//! `to_char(number, template)`: a number by PostgreSQL's templates of digits.
//! Source: PostgreSQL manual, "Data Type Formatting Functions"; the corners are those of the server that the tests compare with.

/// A number as a template sees it.
pub(super) struct Shown {
    /// Digits before the point, the point and the digits after it, without a sign.
    pub(super) digits: String,
    pub(super) is_negative: bool,
    /// How many digits there are after the point: fewer than the template has places where a double has no more.
    pub(super) fraction: usize,
}

/// What a template asks for, read once.
pub(super) struct Template {
    elements: Vec<Element>,
    /// Places before the point.
    whole: usize,
    /// Places after it.
    fraction: usize,
    /// The place, from the left, from which on zeros stand instead of blanks.
    first_zero: Option<usize>,
    /// One behind the last place that a `0` asks for.
    end_of_zeros: usize,
    has_point: bool,
    /// `FM`: nothing is filled up.
    is_tight: bool,
    sign: Sign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    /// A place, and whether a zero stands there in any case.
    Place(bool),
    Point,
    Separator,
    /// `MI`
    Minus,
    /// `PL`
    Plus,
    /// `SG`
    Either,
    /// `th`, and whether in capitals.
    Ordinal(bool),
    Text(char),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// Before the first digit; a blank for a plus.
    Plain,
    /// `S` before the digits.
    Before,
    /// `S` behind them.
    Behind,
    /// `PR`
    Brackets,
    /// Where `MI` or `SG` says.
    Apart,
    /// Where `PL` says, and a minus before the first digit.
    PlusApart,
}

const WORDS: [&str; 22] = [
    "EEEE", "FM", "MI", "PL", "PR", "RN", "SG", "SP", "TH", "S", "D", "G", "L", "V", "B", "C", "9", "0", ".", ",",
    "\\", "\"",
];

impl Template {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut template = Self {
            elements: Vec::new(),
            whole: 0,
            fraction: 0,
            first_zero: None,
            end_of_zeros: 0,
            has_point: false,
            is_tight: false,
            sign: Sign::Plain,
        };
        let mut sign_behind_places = 0;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let found = WORDS.iter().find(|word| {
                let lower = word.to_ascii_lowercase();
                rest.starts_with(**word) || rest.starts_with(&lower)
            });
            let Some(word) = found else {
                template.elements.push(Element::Text(first));
                rest = &rest[first.len_utf8()..];
                continue;
            };
            let spelled = &rest[..word.len()];
            rest = &rest[word.len()..];
            match *word {
                "\"" => {
                    let end = rest.find('"').unwrap_or(rest.len());
                    template.elements.extend(rest[..end].chars().map(Element::Text));
                    rest = rest.get(end + 1..).unwrap_or("");
                }
                "FM" => template.is_tight = true,
                "9" => template.place(false)?,
                "0" => template.place(true)?,
                "." | "D" => {
                    if template.has_point {
                        return Err("multiple decimal points".to_owned());
                    }
                    template.has_point = true;
                    template.elements.push(Element::Point);
                }
                "," | "G" => template.elements.push(Element::Separator),
                "TH" => template.elements.push(Element::Ordinal(spelled == "TH")),
                "S" => {
                    template.set_sign(if template.has_point { Sign::Behind } else { Sign::Before })?;
                    sign_behind_places = template.whole;
                }
                "PR" => template.set_sign(Sign::Brackets)?,
                "MI" => {
                    template.set_sign(Sign::Apart)?;
                    template.elements.push(Element::Minus);
                }
                "SG" => {
                    template.set_sign(Sign::Apart)?;
                    template.elements.push(Element::Either);
                }
                "PL" => {
                    template.set_sign(Sign::PlusApart)?;
                    template.elements.push(Element::Plus);
                }
                other => {
                    return Err(format!(
                        "the template `{text}` holds `{other}`, which is not supported across connections"
                    ));
                }
            }
        }
        if template.sign == Sign::Before && sign_behind_places == template.whole {
            template.sign = Sign::Behind;
        }
        Ok(template)
    }

    fn place(&mut self, is_zero: bool) -> Result<(), String> {
        if self.sign == Sign::Brackets {
            return Err("a digit must be ahead of \"PR\"".to_owned());
        }
        if is_zero && self.first_zero.is_none() && !self.has_point {
            self.first_zero = Some(self.whole);
        }
        if self.has_point {
            self.fraction += 1;
        } else {
            self.whole += 1;
        }
        if is_zero {
            self.end_of_zeros = self.whole + self.fraction;
        }
        self.elements.push(Element::Place(is_zero));
        Ok(())
    }

    fn set_sign(&mut self, sign: Sign) -> Result<(), String> {
        let together = match (self.sign, sign) {
            (Sign::Plain, sign) => sign,
            (Sign::Apart | Sign::PlusApart, Sign::Apart | Sign::PlusApart) => Sign::Apart,
            _ => return Err("cannot use two signs together".to_owned()),
        };
        self.sign = together;
        Ok(())
    }

    /// How many digits after the point it shows.
    pub(super) fn fraction(&self) -> usize {
        self.fraction
    }

    pub(super) fn write(&self, number: &Shown) -> String {
        Writing::of(self, number).whole()
    }
}

/// A number on its way through a template.
struct Writing<'t> {
    template: &'t Template,
    is_negative: bool,
    has_fraction: bool,
    sign: Sign,
    /// The number's characters; crosses where it has too many digits.
    characters: Vec<char>,
    at: usize,
    /// Places before the first digit.
    blanks: usize,
    /// The last character that a tight template shows.
    last: Option<usize>,
    place: usize,
    places: usize,
    is_signed: bool,
    /// Whether the element before wrote a digit.
    is_inside: bool,
    out: String,
}

impl<'t> Writing<'t> {
    fn of(template: &'t Template, number: &Shown) -> Self {
        let mut characters: Vec<char> = number.digits.chars().collect();
        let length = characters.iter().position(|letter| *letter == '.').unwrap_or(characters.len());
        if length > template.whole {
            characters = vec!['#'; template.whole + number.fraction + 1];
            characters[template.whole] = '.';
        }
        let blanks = template.whole.saturating_sub(length);
        let mut last = None;
        if template.is_tight
            && template.has_point
            && let Some(point) = characters.iter().position(|letter| *letter == '.')
        {
            let digits = characters.iter().enumerate().skip(point + 1);
            let shown = digits.filter(|(_, letter)| **letter != '0').map(|(at, _)| at).next_back().unwrap_or(point);
            let asked = template.end_of_zeros.checked_sub(blanks).filter(|end| *end > 0);
            last = Some(asked.map_or(shown, |end| shown.max(end.min(characters.len() - 1))));
        }
        let is_positive = !number.is_negative;
        let mut sign = template.sign;
        if sign == Sign::Brackets && is_positive && template.is_tight {
            sign = Sign::Plain;
        }
        let is_signed = match sign {
            Sign::Apart => true,
            Sign::Plain | Sign::Brackets => is_positive && template.is_tight,
            Sign::Before | Sign::Behind | Sign::PlusApart => false,
        };
        let more = usize::from(!is_signed && blanks == 0);
        Self {
            template,
            is_negative: number.is_negative,
            has_fraction: number.fraction > 0,
            sign,
            characters,
            at: 0,
            blanks,
            last,
            place: 0,
            places: (template.whole + number.fraction + more).saturating_sub(1),
            is_signed,
            is_inside: false,
            out: String::new(),
        }
    }

    fn whole(mut self) -> String {
        for element in &self.template.elements {
            let is_place = matches!(element, Element::Place(_) | Element::Point);
            // Behind the last digit of a double nothing is written any more.
            if is_place && self.place >= self.blanks && self.at >= self.characters.len() {
                break;
            }
            match element {
                Element::Place(is_zero) => self.digit(*is_zero),
                Element::Point => self.digit(false),
                Element::Separator if self.is_inside => self.out.push(','),
                Element::Separator => self.fill(),
                Element::Minus if self.is_negative => self.out.push('-'),
                Element::Plus if !self.is_negative => self.out.push('+'),
                Element::Minus | Element::Plus => self.fill(),
                Element::Either => self.out.push(if self.is_negative { '-' } else { '+' }),
                Element::Ordinal(is_upper) => self.ordinal(*is_upper),
                Element::Text(letter) => self.out.push(*letter),
            }
        }
        self.out
    }

    fn fill(&mut self) {
        if !self.template.is_tight {
            self.out.push(' ');
        }
    }

    fn ordinal(&mut self, is_upper: bool) {
        if self.is_negative || self.template.has_point || self.characters.first() == Some(&'#') {
            return;
        }
        let last = self.characters.iter().rev();
        let mut last = last.copied();
        let ending = match (last.next(), last.next()) {
            (_, Some('1')) => "th",
            (Some('1'), _) => "st",
            (Some('2'), _) => "nd",
            (Some('3'), _) => "rd",
            _ => "th",
        };
        if is_upper { self.out.push_str(&ending.to_uppercase()) } else { self.out.push_str(ending) }
    }

    /// A zero before the point that no place asks for.
    fn is_leading_zero(&self) -> bool {
        let template = self.template;
        template.first_zero.is_none() && self.at == 0 && self.characters.first() == Some(&'0') && self.has_fraction
    }

    fn ends_at_point(&self) -> bool {
        self.last.is_some_and(|last| self.characters.get(last) == Some(&'.'))
    }

    /// One place of the template, or its point.
    fn digit(&mut self, is_zero: bool) {
        self.is_inside = false;
        let first_zero = self.template.first_zero;
        let has_begun = self.place >= self.blanks || first_zero == Some(self.place);
        if !self.is_signed && has_begun && (!self.is_leading_zero() || self.ends_at_point()) {
            self.write_sign();
        }
        if self.place < self.blanks {
            if first_zero.is_some_and(|first| first <= self.place) {
                self.out.push('0');
                self.is_inside = true;
            } else {
                self.fill();
            }
        } else if let Some(letter) = self.characters.get(self.at).copied() {
            let is_beyond = self.last.is_some_and(|last| self.at > last) && !is_zero;
            if letter == '.' {
                self.out.push('.');
            } else if is_beyond {
                // Cut off.
            } else if self.is_leading_zero() {
                if !self.template.is_tight {
                    self.out.push(' ');
                } else if self.ends_at_point() {
                    self.out.push('0');
                }
            } else {
                self.out.push(letter);
                self.is_inside = true;
            }
            self.at += 1;
        }
        let mut end = self.places + usize::from(self.blanks > 0) + usize::from(self.template.has_point);
        if self.last == Some(self.at) {
            end = self.place;
        }
        if self.place + 1 == end {
            match self.sign {
                Sign::Brackets if self.is_signed => self.out.push(if self.is_negative { '>' } else { ' ' }),
                Sign::Behind => self.out.push(if self.is_negative { '-' } else { '+' }),
                _ => {}
            }
        }
        self.place += 1;
    }

    fn write_sign(&mut self) {
        match self.sign {
            // It comes at the end.
            Sign::Behind => return,
            Sign::Before => self.out.push(if self.is_negative { '-' } else { '+' }),
            Sign::Brackets => self.out.push(if self.is_negative { '<' } else { ' ' }),
            _ if self.is_negative => self.out.push('-'),
            _ => self.fill(),
        }
        self.is_signed = true;
    }
}
