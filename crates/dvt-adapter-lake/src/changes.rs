//! What proves that relations of a lake have not changed: the version of a Delta table, or what the file system says of files.

use crate::lake::Lake;
use crate::layout::{FileTable, Stored};
use crate::names::Name;
use dvt_adapter::AdapterError;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file that was changed twice within a tick of the file system's clock keeps its time. File systems that know fractions
/// of a second tick at least this often.
const FINE_TICK: Duration = Duration::from_millis(50);
/// And the others this often.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// See [`dvt_adapter::Adapter::change_token`].
pub(crate) async fn token(lake: &Lake, names: &[Name]) -> Result<Option<String>, AdapterError> {
    let mut tokens = Vec::with_capacity(names.len());
    for name in names {
        let name = lake.readable(name).await?;
        let token = match lake.find(&name).await? {
            // A view may read anything.
            None | Some(Stored::View(_)) => None,
            Some(Stored::Delta(delta)) => {
                let table = lake.open_delta(&name, &delta).await?;
                Some(format!("delta:{}:{}", table.id(), table.version()))
            }
            Some(Stored::Files(table)) if table.is_in_bucket() => table.etags(),
            Some(Stored::Files(table)) => state_of(&table),
        };
        match token {
            Some(token) => tokens.push(token),
            None => return Ok(None),
        }
    }
    Ok(Some(tokens.join(" ")))
}

/// Name, size, time and place of every file; `None` where one is too young for its time to tell.
fn state_of(table: &FileTable) -> Option<String> {
    let now = SystemTime::now();
    let mut files = table.files().ok()?;
    files.push(table.columns_file());
    let mut state = String::from("files:");
    for file in files {
        match std::fs::metadata(&file) {
            Ok(metadata) => {
                let modified = metadata.modified().ok()?;
                let since = modified.duration_since(UNIX_EPOCH).ok()?;
                let tick = if since.subsec_nanos() == 0 { COARSE_TICK } else { FINE_TICK };
                // A time in the future tells nothing either.
                if now.duration_since(modified).ok()? <= tick {
                    return None;
                }
                let name = relative(table, &file);
                state += &format!("{name:?}:{}:{}:{};", metadata.len(), since.as_nanos(), identity(&metadata));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && file == table.columns_file() => {}
            Err(_) => return None,
        }
    }
    Some(state)
}

fn relative<'a>(table: &FileTable, file: &'a Path) -> &'a Path {
    file.strip_prefix(&table.path).unwrap_or(file)
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    // The time of the last change of the file's own entry cannot be set back, as the other one can.
    format!("{}-{}-{}.{}", metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> String {
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Format;

    #[test]
    fn files_have_a_state_once_their_time_tells() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let table = FileTable::on_disk(Format::Csv, path.clone(), false);
        assert_eq!(state_of(&table), None, "no file");
        std::fs::write(&path, "a\n1\n").unwrap();
        assert_eq!(state_of(&table), None, "written just now");
        let set_time = |path: &Path, time: SystemTime| {
            std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        };
        let whole_second = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        set_time(&path, whole_second);
        let first = state_of(&table).expect("old enough");
        assert_eq!(state_of(&table).as_ref(), Some(&first));
        std::fs::write(&path, "a\n2\n").unwrap();
        set_time(&path, whole_second);
        let second = state_of(&table).expect("old enough");
        assert_ne!(first, second, "same size and time, but changed");
        std::fs::write(table.columns_file(), "{}").unwrap();
        set_time(&table.columns_file(), whole_second);
        assert_ne!(state_of(&table), Some(second), "the types of its columns");
    }
}
