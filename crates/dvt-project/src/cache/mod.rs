//! What one invocation read, remembered for the next: `partial_parse.dvt` in the target folder.
//!
//! In: everything that a reading depends on. Out: the manifest, warnings and lines of an earlier reading, if it is proven
//! that reading again would give the same; `None` otherwise, never a guess. The proof is a list of every question that
//! the reading asked of the world, with its answer: files and folders ([`Files`]), environment, flags and clock
//! ([`dvt_jinja::Uses`]), connections, and the key (program, variables, packages' `dbt_project.yml`). All of them are asked
//! again. A file that is damaged, foreign or of another version is as good as none.
//!
//! A reading with errors is not kept, nor one in which a template looked at the clock.

mod changes;
mod key;
mod nouns;
mod pack;
mod said;
mod trace;

pub(crate) use changes::{Change, ChangeKind, Changes, Noted};
pub(crate) use key::hash_of;
pub(crate) use said::Origin;
pub(crate) use trace::Files;

use crate::ProjectSettings;
use crate::files::Ignore;
use crate::parse::dates::{moment, normal_date};
use dvt_diagnostics::{Diagnostic, Event, EventLevel, SourceFile, kinds};
use dvt_jinja::{Invocation, LogLine};
use dvt_manifest::{IndexMap, Manifest, write_quickly};
use key::{Key, hash_of_text};
use pack::{Pack, Reader, Writer};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use trace::{List, Seed};

/// The file's name in the target folder.
const FILE_NAME: &str = "partial_parse.dvt";

/// How the file begins. The number changes with the meaning of the bytes.
const MAGIC: &[u8; 16] = b"dvt reading 002\n";

/// What a reading gives, apart from what every start reads anew.
#[derive(Debug)]
pub(crate) struct Remembered {
    pub(crate) manifest: Manifest,
    pub(crate) problems: Vec<(Origin, Diagnostic)>,
    pub(crate) lines: Vec<(Origin, LogLine)>,
}

/// What an earlier reading is worth now.
pub(crate) enum Recalled {
    /// Reading again would give the same.
    Same(Box<Remembered>),
    /// The same but for what these files say.
    But(Box<Remembered>, Box<Changes>),
    Nothing,
}

/// What a reading depends on.
pub(crate) struct Memory<'a> {
    pub(crate) settings: &'a ProjectSettings,
    pub(crate) config: &'a crate::ConfigFiles,
    pub(crate) packages: &'a [crate::Package],
    pub(crate) macro_packages: Vec<&'a str>,
    pub(crate) ignores: &'a [Ignore],
    pub(crate) files: &'a Files,
    pub(crate) invocation: &'a Invocation,
    /// A hash of what is known about a connection; `None` when it cannot be used.
    pub(crate) connection: &'a dyn Fn(&str) -> Option<[u8; 32]>,
}

/// Why there is nothing to use; dbt's words where it has some.
enum Miss {
    Unable(&'static str),
    Damaged,
    /// A file, a variable or a flag says something else: nothing unusual.
    Changed,
}

impl Memory<'_> {
    /// The earlier reading, if it still holds.
    pub(crate) fn recall(&self) -> Recalled {
        if !self.settings.parse_cache.is_read {
            return Recalled::Nothing;
        }
        let path = self.settings.parse_cache.path.clone().unwrap_or_else(|| self.path());
        let found = match fs::read(&path) {
            Ok(bytes) => self.open(&bytes),
            Err(_) => Err(Miss::Unable("saved manifest not found. Starting full parse.")),
        };
        match found {
            Ok((remembered, changes)) if changes.is_empty() => {
                self.fire(Event::new(kinds::NOTE, "Nothing changed, skipping partial parsing.").at(EventLevel::Debug));
                self.fire(Event::new(
                    kinds::PARTIAL_PARSING_SKIP_PARSING,
                    "Partial parsing enabled, no changes found, skipping parsing",
                ));
                Recalled::Same(Box::new(remembered))
            }
            Ok((remembered, changes)) => Recalled::But(Box::new(remembered), Box::new(changes)),
            Err(miss) => {
                self.files.forget_questions();
                let message = match miss {
                    Miss::Unable(reason) => format!("Unable to do partial parsing because {reason}"),
                    Miss::Damaged => {
                        format!("Unable to do partial parsing because {} is no reading of dvt", path.display())
                    }
                    Miss::Changed => return Recalled::Nothing,
                };
                self.fire(Event::new(kinds::UNABLE_TO_PARTIAL_PARSE, message));
                Recalled::Nothing
            }
        }
    }

    /// Says, as dbt does, that an earlier reading was put right.
    pub(crate) fn say_amended(&self, changes: &Changes) {
        let [deleted, added, changed] =
            [ChangeKind::Removed, ChangeKind::Added, ChangeKind::Changed].map(|kind| changes.count(kind));
        let message =
            format!("Partial parsing enabled: {deleted} files deleted, {added} files added, {changed} files changed.");
        let event = Event::new(kinds::PARTIAL_PARSING_ENABLED, message);
        self.settings.events.fire(event.with("deleted", deleted).with("added", added).with("changed", changed));
        for change in &changes.files {
            let operation = match change.kind {
                ChangeKind::Removed => "deleted",
                ChangeKind::Added => "added",
                ChangeKind::Changed => "updated",
            };
            let file = format!("{}://{}", self.packages[change.package].name, change.place.original_path);
            let message = format!("Partial parsing: {operation} file: {file}");
            let event = Event::new(kinds::PARTIAL_PARSING_FILE, message);
            self.settings.events.fire(event.with("file_id", file).with("operation", operation));
        }
    }

    fn fire(&self, event: Event) {
        let message = event.message.clone();
        self.settings.events.fire(event.with("msg", message));
    }

    fn path(&self) -> PathBuf {
        self.config.target_path.join(FILE_NAME)
    }

    fn key(&self) -> Key {
        Key::of(self.settings, self.config, self.packages, &self.macro_packages)
    }

    fn open(&self, bytes: &[u8]) -> Result<(Remembered, Changes), Miss> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Miss::Damaged)?;
        let (sum, rest) = rest.split_first_chunk::<8>().ok_or(Miss::Damaged)?;
        if *sum != checksum(rest).to_le_bytes() {
            return Err(Miss::Damaged);
        }
        let mut reader = Reader::new(rest, Vec::new());
        let key = Key::take(&mut reader).ok_or(Miss::Damaged)?;
        if let Some(reason) = key.difference(&self.key()) {
            return Err(Miss::Unable(reason));
        }
        let noted = self.uses_hold(&mut reader).ok_or(Miss::Damaged)?.ok_or(Miss::Changed)?;
        let mut files = Vec::new();
        let mut changes = self.compare_files(&mut reader, &mut files)?;
        changes.noted = noted;
        let count = reader.length().ok_or(Miss::Damaged)?;
        for _ in 0..count {
            let path = reader.text().ok_or(Miss::Damaged)?;
            let text = reader.text().ok_or(Miss::Damaged)?;
            files.push(SourceFile::new(path, text));
        }
        reader.files = files;
        let remembered = Remembered::take(&mut reader).ok_or(Miss::Damaged)?;
        if reader.bytes.is_empty() { Ok((remembered, changes)) } else { Err(Miss::Damaged) }
    }

    /// Keeps a reading for the next invocation. That it cannot be kept changes nothing for this one.
    pub(crate) fn keep(
        &self,
        manifest: &Manifest,
        problems: Vec<(Origin, Diagnostic)>,
        lines: Vec<(Origin, LogLine)>,
        connections: &[String],
    ) {
        if !self.settings.parse_cache.is_written {
            return;
        }
        let Some(bytes) = self.write(manifest, problems, lines, connections) else { return };
        // Not forced to the disk: a file that a crash cuts is recognised by its sum and made again.
        if let Err(error) = write_quickly(&self.path(), &bytes) {
            let message = format!("the reading of the project is not kept: {error}");
            self.fire(Event::new(kinds::NOTE, message).at(EventLevel::Debug));
        }
    }

    /// `None` for a reading that must not be used again.
    fn write(
        &self,
        manifest: &Manifest,
        problems: Vec<(Origin, Diagnostic)>,
        lines: Vec<(Origin, LogLine)>,
        connections: &[String],
    ) -> Option<Vec<u8>> {
        let used = self.invocation.uses.so_far();
        let trace = self.files.trace();
        if used.clock || trace.is_broken {
            return None;
        }
        let texts: Vec<&Arc<SourceFile>> = trace.texts.values().flatten().collect();
        let mut body = Writer::with_files(texts.iter().map(|file| Arc::clone(file)));
        manifest.put(&mut body);
        problems.put(&mut body);
        lines.put(&mut body);
        let others = body.files.get(texts.len()..)?;
        // The text of profiles.yml holds passwords.
        if body.has_failed || others.iter().any(|file| Arc::ptr_eq(file, &self.config.profile.file)) {
            return None;
        }

        let mut writer = Writer::default();
        self.key().put(&mut writer);
        let env: Vec<(String, Option<[u8; 32]>)> =
            used.env.iter().map(|(name, value)| (name.clone(), value.as_deref().map(hash_of_text))).collect();
        env.put(&mut writer);
        let flags: Vec<(String, Option<Value>)> =
            used.flags.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        flags.put(&mut writer);
        used.metadata_envs.then(|| self.metadata_envs()).put(&mut writer);
        let facts = connections.iter().map(|name| Some((name.clone(), (self.connection)(name)?)));
        facts.collect::<Option<Vec<(String, [u8; 32])>>>()?.put(&mut writer);
        trace.dates.put(&mut writer);
        trace.moments.put(&mut writer);

        trace.lists.put(&mut writer);
        writer.length(trace.seeds.len());
        for (path, seed) in &trace.seeds {
            writer.text(path.to_str()?);
            seed.put(&mut writer);
        }
        writer.length(trace.texts.len());
        for (path, file) in &trace.texts {
            writer.text(path.to_str()?);
            file.is_some().put(&mut writer);
            if let Some(file) = file {
                writer.text(&file.path);
                writer.text(&file.text);
            }
        }
        writer.length(others.len());
        for file in others {
            writer.text(&file.path);
            writer.text(&file.text);
        }
        let mut bytes = MAGIC.to_vec();
        let mut rest = writer.bytes;
        rest.extend_from_slice(&body.bytes);
        bytes.extend_from_slice(&checksum(&rest).to_le_bytes());
        bytes.append(&mut rest);
        Some(bytes)
    }

    fn metadata_envs(&self) -> [u8; 32] {
        hash_of_text(&Value::Object(self.invocation.metadata_envs.clone()).to_string())
    }

    /// What was looked at beside files, if all of it says what it said. `None`: the bytes are wrong.
    fn uses_hold(&self, reader: &mut Reader<'_>) -> Option<Option<Noted>> {
        let env = Vec::<(String, Option<[u8; 32]>)>::take(reader)?;
        let flags = Vec::<(String, Option<Value>)>::take(reader)?;
        let metadata_envs: Option<[u8; 32]> = Pack::take(reader)?;
        let connections = Vec::<(String, [u8; 32])>::take(reader)?;
        let dates = IndexMap::<String, String>::take(reader)?;
        let moments = IndexMap::<String, bool>::take(reader)?;
        let (is_env, is_flag) = (
            |(name, was): &(String, Option<[u8; 32]>)| {
                self.invocation.env.get(name).map(|value| hash_of_text(value)) == *was
            },
            |(name, was): &(String, Option<Value>)| self.settings.flag(name) == was.as_ref(),
        );
        let is_past = |text: &str| moment(text).map(|at| at < self.settings.started_at);
        let holds = env.iter().all(is_env)
            && flags.iter().all(is_flag)
            && metadata_envs.is_none_or(|was| was == self.metadata_envs())
            && dates.iter().all(|(written, meant)| normal_date(written) == *meant)
            && moments.iter().all(|(text, was)| is_past(text) == Some(*was))
            && connections.iter().all(|(name, was)| (self.connection)(name).as_ref() == Some(was));
        let names = |(name, _): (String, Option<[u8; 32]>)| name;
        Some(holds.then(|| Noted {
            env: env.into_iter().map(names).collect(),
            flags: flags.into_iter().map(|(name, _)| name).collect(),
            has_metadata_envs: metadata_envs.is_some(),
            dates,
            moments,
        }))
    }

    /// Notes all that an earlier reading looked at beside files, for the one that was made of it.
    pub(crate) fn note_again(&self, noted: Noted) {
        let uses = &self.invocation.uses;
        for name in &noted.env {
            uses.env(name, self.invocation.env.get(name).map(String::as_str));
        }
        for name in &noted.flags {
            uses.flag(name, self.settings.flag(name));
        }
        if noted.has_metadata_envs {
            uses.metadata_envs();
        }
        for (written, meant) in &noted.dates {
            self.files.note_date(written, meant);
        }
        for (moment, is_past) in &noted.moments {
            self.files.note_moment(moment, *is_past);
        }
    }
}

pack::pack_struct! {
    Remembered { manifest, problems, lines }
    List { package, folders, extensions, answer }
    Seed { original_path, checksum }
}

/// A sum that tells a damaged file from a whole one: every word changes one of four lanes for good.
fn checksum(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut lanes = [1u64, 2, 3, 4];
    let (words, rest) = bytes.as_chunks::<32>();
    let mut add = |words: &[u8; 32]| {
        for (lane, word) in lanes.iter_mut().zip(words.as_chunks::<8>().0) {
            *lane = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR).rotate_left(29);
        }
    };
    words.iter().for_each(&mut add);
    let mut last = [0u8; 32];
    last[..rest.len()].copy_from_slice(rest);
    add(&last);
    let mixed = lanes.iter().fold(bytes.len() as u64, |sum, lane| (sum ^ lane).wrapping_mul(FACTOR).rotate_left(31));
    mixed ^ (mixed >> 32)
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn every_byte_counts() {
        let whole: Vec<u8> = (0..100u8).collect();
        let sum = checksum(&whole);
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                assert_ne!(checksum(&changed), sum, "byte {at}, bit {bit}");
            }
            assert_ne!(checksum(&whole[..at]), sum, "cut at {at}");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert_ne!(checksum(&longer), sum);
    }
}
