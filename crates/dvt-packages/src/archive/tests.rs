use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

const BLOCK: usize = 512;

/// One entry: kind, path, what a link names, contents.
fn entry(tar: &mut Vec<u8>, kind: u8, path: &str, link: &str, contents: &[u8]) {
    let mut header = [0_u8; BLOCK];
    header[..path.len()].copy_from_slice(path.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", contents.len()).as_bytes());
    header[148..156].copy_from_slice(b"        ");
    header[156] = kind;
    header[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.extend(header);
    tar.extend(contents);
    tar.resize(tar.len().div_ceil(BLOCK) * BLOCK, 0);
}

fn unpacked(tar: &[u8]) -> (tempfile::TempDir, Result<(), PackageError>) {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.tar.gz");
    let mut gzip = GzEncoder::new(File::create(&archive).unwrap(), Compression::fast());
    gzip.write_all(tar).unwrap();
    gzip.write_all(&[0; 2 * BLOCK]).unwrap();
    gzip.finish().unwrap();
    let result = unpack(&archive, "the test", &folder.path().join("out"));
    (folder, result)
}

#[test]
fn files_below_the_top_folder_come_out_with_long_names() {
    let mut tar = Vec::new();
    let long = format!("pkg-1.0/{}/{}.sql", "d".repeat(90), "f".repeat(90));
    entry(&mut tar, b'g', "pax_global_header", "", b"52 comment=0123456789012345678901234567890123456789\n");
    entry(&mut tar, b'5', "pkg-1.0/", "", b"");
    entry(&mut tar, b'0', "pkg-1.0/dbt_project.yml", "", b"name: pkg\n");
    let record = format!("path={long}\n");
    let length = record.len() + 4;
    entry(&mut tar, b'x', "pax", "", format!("{length} {record}").as_bytes());
    entry(&mut tar, b'0', "cut", "", b"select 1");
    let (folder, result) = unpacked(&tar);
    result.unwrap();
    let out = folder.path().join("out");
    assert_eq!(fs::read_to_string(out.join("dbt_project.yml")).unwrap(), "name: pkg\n");
    assert_eq!(
        fs::read_to_string(out.join("d".repeat(90)).join(format!("{}.sql", "f".repeat(90)))).unwrap(),
        "select 1"
    );
}

#[test]
fn what_could_leave_the_package_refuses_the_archive() {
    for (kind, path, link) in [
        (b'2', "pkg/link", "/etc/passwd"),
        (b'2', "pkg/link", "inside.sql"),
        (b'1', "pkg/link", "pkg/other"),
        (b'0', "pkg/../../evil", ""),
        (b'0', "/etc/evil", ""),
        (b'3', "pkg/device", ""),
    ] {
        let mut tar = Vec::new();
        entry(&mut tar, b'0', "pkg/first.sql", "", b"x");
        entry(&mut tar, kind, path, link, b"");
        let (folder, result) = unpacked(&tar);
        assert!(matches!(result, Err(PackageError::UnsafeArchive { .. })), "{path} {result:?}");
        assert!(!folder.path().join("evil").exists());
    }
}

#[test]
fn two_top_folders_and_damage_are_told_apart() {
    let mut tar = Vec::new();
    entry(&mut tar, b'0', "one/a", "", b"x");
    entry(&mut tar, b'0', "two/a", "", b"x");
    assert!(matches!(unpacked(&tar).1, Err(PackageError::ArchiveLayout { .. })));
    let mut tar = Vec::new();
    entry(&mut tar, b'0', "one/a", "", b"x");
    tar[3] ^= 1;
    assert!(matches!(unpacked(&tar).1, Err(PackageError::DamagedArchive { .. })));
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    fs::write(&page, "<html>not found</html>").unwrap();
    let result = unpack(&page, "the test", &folder.path().join("out"));
    assert!(matches!(result, Err(PackageError::DamagedArchive { .. })), "{result:?}");
}
