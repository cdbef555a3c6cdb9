use super::{CloudService, Keys, open_cloud};
use object_store::aws::AmazonS3ConfigKey;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

fn map(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("not a map") };
    map
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn s3(keys: Value, environment: &[(&str, &str)]) -> [Option<String>; 5] {
    let keys = Keys::read(CloudService::S3, &map(keys)).unwrap();
    let builder = keys.s3("b", &variables(environment)).unwrap();
    [
        AmazonS3ConfigKey::AccessKeyId,
        AmazonS3ConfigKey::SecretAccessKey,
        AmazonS3ConfigKey::Token,
        AmazonS3ConfigKey::Region,
        AmazonS3ConfigKey::Endpoint,
    ]
    .map(|key| builder.get_config_value(&key).filter(|value| !value.is_empty()))
}

#[test]
fn the_entrys_own_keys_come_before_the_environments() {
    let environment = [
        ("AWS_ACCESS_KEY_ID", "env-id"),
        ("AWS_SECRET_ACCESS_KEY", "env-key"),
        ("AWS_SESSION_TOKEN", "env-token"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
    ];
    let check = |keys: Value, environment: &[(&str, &str)], expected: [&str; 5]| {
        let found = s3(keys.clone(), environment).map(Option::unwrap_or_default);
        assert_eq!(found, expected, "{keys}");
    };
    check(json!({"bucket": "b"}), &environment, ["env-id", "env-key", "env-token", "eu-central-1", ""]);
    let own =
        json!({"bucket": "b", "access_key_id": "id", "secret_key": "key", "region": "r", "endpoint": "http://h:1"});
    check(own, &environment, ["id", "key", "", "r", "http://h:1"]);
    check(json!({"bucket": "b"}), &[], ["", "", "", "", ""]);
}

#[test]
fn a_profile_is_read_from_the_files_of_aws() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display().to_string();
    std::fs::create_dir(folder.path().join(".aws")).unwrap();
    std::fs::write(
        folder.path().join(".aws/credentials"),
        "[default]\naws_access_key_id = d\naws_secret_access_key = ds\n# a note\n[ work ]\naws_access_key_id=w\n\
         aws_secret_access_key=ws\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join(".aws/config"),
        "[default]\nregion = us-east-1\n[profile work]\nregion = eu-west-1\n[profile login]\nsso_session = x\n",
    )
    .unwrap();
    let environment = [("HOME", home.as_str()), ("AWS_ACCESS_KEY_ID", "env")];
    let found = s3(json!({"bucket": "b", "profile": "work"}), &environment).map(Option::unwrap_or_default);
    assert_eq!(found[..4], ["w", "ws", "", "eu-west-1"]);
    let refused = |profile: &str| {
        let keys = map(json!({"bucket": "b", "profile": profile}));
        open_cloud(CloudService::S3, &keys, &variables(&environment)).unwrap_err().to_string()
    };
    assert!(refused("nobody").contains("profile `nobody` is neither in"));
    assert!(refused("login").contains("has `sso_session`, which dvt does not follow"));
}

#[test]
fn places_are_read_in_both_forms_and_mistakes_are_named() {
    let place = |service: CloudService, keys: Value| {
        let store = open_cloud(service, &map(keys), &BTreeMap::new());
        store.map_or_else(|error| error.message, |store| format!("{} {}", store.root, store.prefix))
    };
    let check = |service, keys: Value, expected: &str| assert_eq!(place(service, keys.clone()), expected, "{keys}");
    check(CloudService::S3, json!({"bucket": "b", "prefix": "/x/y/"}), "s3://b x/y");
    check(CloudService::S3, json!({"path": "s3://b/x", "region": "eu-west-1"}), "s3://b x");
    check(CloudService::Gcs, json!({"path": "gs://b", "anonymous": true}), "gs://b ");
    check(
        CloudService::Azure,
        json!({"container": "c", "prefix": "p", "account": "a", "account_key": "a2V5"}),
        "az://c p",
    );
    check(CloudService::S3, json!({"prefix": "x"}), "`bucket` is missing");
    check(CloudService::S3, json!({"path": "gs://b"}), "`path` is `gs://b`, and has to look like `s3://name/folder`");
    check(CloudService::S3, json!({"bucket": "b", "prefix": "a/../b"}), "`prefix` must not hold `.` or `..`");
    check(CloudService::S3, json!({"bucket": "a/b"}), "`a/b` is no name of a bucket");
    check(
        CloudService::S3,
        json!({"bucket": "b", "access_key_id": "x"}),
        "`access_key_id` and `secret_access_key` go together",
    );
    check(CloudService::S3, json!({"bucket": "b", "path_style": 1}), "`path_style` has to be true or false");
    assert!(
        place(CloudService::S3, json!({"bucket": "b", "account": "x"})).starts_with("`account` is no key of type s3")
    );
    assert!(place(CloudService::S3, json!({"bucket": "b", "region": "x", "aws_region": "y"})).contains("given twice"));
}
