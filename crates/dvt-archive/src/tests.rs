use super::{ArchiveError, Kind, Limits, read_tar_gz};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use tar::{Builder, EntryType, Header};

const LIMITS: Limits = Limits { entries: 3, bytes: 10_000 };

fn packed(fill: impl FnOnce(&mut Builder<GzEncoder<Vec<u8>>>)) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    fill(&mut builder);
    builder.into_inner().unwrap().finish().unwrap()
}

fn add(builder: &mut Builder<GzEncoder<Vec<u8>>>, kind: EntryType, path: &str, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, path, content).unwrap();
}

/// Everything that is read, written into a folder.
fn seen(archive: &[u8]) -> Result<Vec<(String, Kind, u64)>, ArchiveError> {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    read_tar_gz::<ArchiveError>(archive, LIMITS, |entry| {
        if entry.kind == Kind::File {
            let place = entry.parts()?.iter().fold(folder.path().to_owned(), |path, part| path.join(part));
            entry.write_to(&place)?;
        }
        seen.push((entry.path.to_owned(), entry.kind, entry.size));
        Ok(())
    })?;
    Ok(seen)
}

#[test]
fn names_of_any_length_are_read() {
    let long = format!("{}/{}.sql", "d".repeat(200), "f".repeat(200));
    let archive = packed(|builder| {
        add(builder, EntryType::Regular, &long, b"select 1");
        builder.append_pax_extensions([("path", long.as_bytes()), ("comment", b"x".as_slice())]).unwrap();
        add(builder, EntryType::Directory, "short", b"");
    });
    assert_eq!(seen(&archive).unwrap(), [(long.clone(), Kind::File, 8), (long, Kind::Folder, 0)]);
}

#[test]
fn what_fills_the_disk_or_the_memory_is_refused() {
    let refused = |archive: &[u8], words: &str| {
        let error = seen(archive).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(
        &packed(|builder| {
            for name in ["a", "b", "c", "d"] {
                add(builder, EntryType::Regular, name, b"");
            }
        }),
        "too many entries",
    );
    refused(
        &packed(|builder| {
            add(builder, EntryType::Regular, "a", &[0; 6000]);
            add(builder, EntryType::Regular, "b", &[0; 6000]);
        }),
        "more bytes than any package",
    );
    let headers = packed(|builder| {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(2 * 1024 * 1024);
        header.set_path("long").unwrap();
        header.set_cksum();
        builder.append(&header, [b'a'; 2 * 1024 * 1024].as_slice()).unwrap();
        add(builder, EntryType::Regular, "a", b"");
    });
    refused(&headers, "a header is too long");
    refused(
        &packed(|builder| {
            builder.append_pax_extensions([("GNU.sparse.size", b"5".as_slice())]).unwrap();
            add(builder, EntryType::Regular, "a", b"");
        }),
        "sparse",
    );
}

#[test]
fn an_archive_that_ends_anywhere_or_says_anything_is_an_error_and_no_panic() {
    let whole = packed(|builder| add(builder, EntryType::Regular, "a", b"content"));
    assert_eq!(seen(&whole).unwrap().len(), 1);
    for end in 0..whole.len() {
        assert!(seen(&whole[..end]).is_err(), "{end} of {} bytes", whole.len());
    }
    let mut stream = GzEncoder::new(Vec::new(), Compression::none());
    stream.write_all(b"<html>not found</html>").unwrap();
    assert!(seen(&stream.finish().unwrap()).is_err());
}
