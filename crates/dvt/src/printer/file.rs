//! `logs/dbt.log`: every event of a run, rotated by size.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Older files that are kept: `dbt.log.1` is the youngest.
const KEPT: usize = 5;

/// A file that starts anew before it would exceed `max_bytes`; 0 means it never does.
pub(crate) struct RotatingFile {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    max_bytes: u64,
}

impl RotatingFile {
    /// # Errors
    /// When the folder cannot be made or the file not opened.
    pub(crate) fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), bytes, max_bytes })
    }

    /// Appends a line.
    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        let length = line.len() as u64 + 1;
        if self.max_bytes > 0 && self.bytes > 0 && self.bytes + length >= self.max_bytes {
            self.rotate()?;
        }
        self.file.write_all(line.as_bytes())?;
        self.file.write_all(b"\n")?;
        self.bytes += length;
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.flush()?;
        let numbered = |number: usize| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..KEPT).rev() {
            // One that is not there yet is no problem.
            let _ = std::fs::rename(numbered(number), numbered(number + 1));
        }
        std::fs::rename(&self.path, numbered(1))?;
        self.file = BufWriter::new(OpenOptions::new().create(true).append(true).open(&self.path)?);
        self.bytes = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_makes_room_and_five_older_ones_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/dbt.log");
        let mut file = RotatingFile::open(&path, 10).unwrap();
        for number in 0..8 {
            file.line(&format!("line {number}")).unwrap();
        }
        file.flush().unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join("logs").join(name));
        assert_eq!(read("dbt.log").unwrap(), "line 7\n");
        assert_eq!(read("dbt.log.1").unwrap(), "line 6\n");
        assert_eq!(read("dbt.log.5").unwrap(), "line 2\n");
        assert!(read("dbt.log.6").is_err());
    }

    #[test]
    fn without_a_limit_the_file_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dbt.log");
        let mut file = RotatingFile::open(&path, 0).unwrap();
        for _ in 0..8 {
            file.line("line").unwrap();
        }
        file.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 8);
    }
}
