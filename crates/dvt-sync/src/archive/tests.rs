use super::{base64, integrity_of, unpack};
use crate::Members;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::{Path, PathBuf};

/// One entry of a tar: path, kind, content.
fn tar(path: &Path, entries: &[(&str, u8, &[u8])]) {
    let mut gz = GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast());
    for (name, kind, content) in entries {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..107].copy_from_slice(b"0000755");
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[156] = *kind;
        header[257..263].copy_from_slice(b"ustar\0");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        header[154] = 0;
        gz.write_all(&header).unwrap();
        gz.write_all(content).unwrap();
        gz.write_all(&vec![0; content.len().next_multiple_of(512) - content.len()]).unwrap();
    }
    gz.write_all(&[0; 1024]).unwrap();
    gz.finish().unwrap();
}

fn scratch(name: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join(name);
    let to = folder.path().join("to");
    std::fs::create_dir(&to).unwrap();
    (folder, archive, to)
}

fn below(folder: &str) -> Members {
    Members::Below(folder.to_owned())
}

#[test]
fn what_lies_below_a_folder_comes_out_and_keeps_its_rights() {
    let (_folder, archive, to) = scratch("spark-1.0.tar.gz");
    tar(
        &archive,
        &[
            ("spark-1.0/deps/bin/run", b'0', b"#!/bin/sh\n"),
            ("spark-1.0/deps/jars/a.jar", b'0', &[7; 1000]),
            ("spark-1.0/setup.py", b'0', b"print()"),
            ("spark-1.0/link", b'2', b""),
        ],
    );
    let sizes = unpack(&archive, "spark", &below("*/deps"), &to).unwrap();
    assert_eq!(sizes.keys().collect::<Vec<_>>(), ["bin/run", "jars/a.jar"]);
    assert_eq!(std::fs::read(to.join("jars/a.jar")).unwrap(), [7; 1000]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_ne!(std::fs::metadata(to.join("bin/run")).unwrap().permissions().mode() & 0o111, 0);
    }
}

#[test]
fn one_file_comes_out_of_an_npm_package() {
    let (_folder, archive, to) = scratch("x.tgz");
    tar(&archive, &[("package/lib.so", b'0', b"ELF"), ("package/package.json", b'0', b"{}")]);
    let sizes = unpack(&archive, "x", &Members::File("lib.so".to_owned()), &to).unwrap();
    assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [("lib.so".to_owned(), 3)]);
    let missing = unpack(&archive, "x", &Members::File("other.so".to_owned()), &to).unwrap_err();
    assert_eq!(missing.to_string(), "the archive of x holds no `other.so`");
}

#[test]
fn archives_that_lead_outside_are_refused_whole() {
    let check = |entry: (&str, u8, &[u8]), words: &str| {
        let (_folder, archive, to) = scratch("x.tar.gz");
        tar(&archive, &[entry]);
        let error = unpack(&archive, "x", &below("*/deps"), &to).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert_eq!(std::fs::read_dir(&to).unwrap().count(), 0, "{words}");
    };
    check(("x/deps/../../../evil", b'0', b"x"), "leads out of the package");
    check(("/etc/evil", b'0', b"x"), "its path is absolute");
    check(("x/deps/link", b'2', b""), "is a link");
    check(("x/deps/pipe", b'6', b""), "neither a file nor a folder");
}

#[test]
fn a_truncated_archive_is_damaged() {
    let (_folder, archive, to) = scratch("x.tar.gz");
    tar(&archive, &[("x/deps/a", b'0', &[1; 5000])]);
    let bytes = std::fs::read(&archive).unwrap();
    for length in [bytes.len() - 1, bytes.len() / 2, 3] {
        std::fs::write(&archive, &bytes[..length]).unwrap();
        assert!(unpack(&archive, "x", &below("*/deps"), &to).is_err(), "{length} of {} bytes", bytes.len());
    }
}

/// A wheel with one stored member, byte by byte.
fn wheel(name: &str, content: &[u8], crc: u32, mode: u32) -> Vec<u8> {
    let mut bytes = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0".to_vec();
    let sizes = [crc, content.len() as u32, content.len() as u32];
    bytes.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
    bytes.extend((name.len() as u16).to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(name.as_bytes());
    bytes.extend(content);
    let directory = bytes.len() as u32;
    bytes.extend(b"PK\x01\x02\x14\x03\x14\0\0\0\0\0\0\0\0\0");
    bytes.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
    bytes.extend((name.len() as u16).to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend((mode << 16).to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(name.as_bytes());
    let size = bytes.len() as u32 - directory;
    bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    bytes.extend(size.to_le_bytes());
    bytes.extend(directory.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

#[test]
fn wheels_are_read_and_their_checksums_compared() {
    let crc = |content: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        crc.sum()
    };
    let name = "dbt/include/x/macros/a.sql";
    let (_folder, archive, to) = scratch("x.whl");
    std::fs::write(&archive, wheel(name, b"select 1", crc(b"select 1"), 0o100_644)).unwrap();
    let sizes = unpack(&archive, "x", &below("dbt/include/x"), &to).unwrap();
    assert_eq!(sizes.keys().collect::<Vec<_>>(), ["macros/a.sql"]);
    assert_eq!(std::fs::read_to_string(to.join("macros/a.sql")).unwrap(), "select 1");

    let refused = |bytes: &[u8], words: &str| {
        std::fs::write(&archive, bytes).unwrap();
        let error = unpack(&archive, "x", &below("dbt/include/x"), &to).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&wheel(name, b"select 2", crc(b"select 1"), 0o100_644), "checksum");
    refused(&wheel(name, b"/etc/x", crc(b"/etc/x"), 0o120_777), "is a link");
    refused(&wheel("dbt/include/x/../../../e", b"x", crc(b"x"), 0o100_644), "leads out of the package");
    refused(b"PK", "no zip archive");
    let whole = wheel(name, b"select 1", crc(b"select 1"), 0o100_644);
    for at in 0..whole.len() {
        // Whatever a byte says, there is an answer and no panic.
        let mut broken = whole.clone();
        broken[at] ^= 0xff;
        std::fs::write(&archive, &broken).unwrap();
        let _ = unpack(&archive, "x", &below("dbt/include/x"), &to);
    }
}

#[test]
fn hashes_are_written_as_the_ecosystems_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    std::fs::write(&file, "abc").unwrap();
    assert_eq!(
        integrity_of(&file, None).unwrap(),
        "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert!(
        integrity_of(&file, Some("sha512-x")).unwrap().starts_with("sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV")
    );
    for (bytes, text) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg==")] {
        assert_eq!(base64(bytes), text);
    }
}
