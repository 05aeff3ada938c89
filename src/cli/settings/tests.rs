use super::*;

/// The environment of a test.
fn variables(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
    move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Flags that name a file of these words.
fn with_file(folder: &tempfile::TempDir, text: &str) -> Overrides {
    let path = folder.path().join("livezone.toml");
    std::fs::write(&path, text).unwrap();
    Overrides { config: Some(path), ..Overrides::default() }
}

#[test]
fn flags_beat_the_environment_which_beats_the_file_which_beats_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let mut flags = with_file(
        &folder,
        "zones_dir = \"file\"\nstate_dir = \"file\"\n[dns]\nlisten = [\"127.0.0.1:1\"]\n",
    );
    let environment = variables(&[
        ("LIVEZONE_STATE", "environment"),
        ("LIVEZONE_DNS", "127.0.0.1:2, [::1]:2"),
        ("LIVEZONE_HTTP", "127.0.0.1:3"),
    ]);
    flags.listen.http = Some(HttpListen::At(address("127.0.0.1:4")));
    let config = load(&flags, &environment).unwrap().config;
    assert_eq!(config.zones_dir, Path::new("file"));
    assert_eq!(config.state_dir, Path::new("environment"));
    assert_eq!(config.dns.listen, [address("127.0.0.1:2"), address("[::1]:2")]);
    assert_eq!(config.http.listen, Some(address("127.0.0.1:4")));
    assert_eq!(config.shutdown_grace, Config::default().shutdown_grace);
}

#[test]
fn a_file_that_is_named_must_be_there_and_a_flag_names_it_before_the_environment() {
    let missing = variables(&[("LIVEZONE_CONFIG", "/nowhere/livezone.toml")]);
    let error = load(&Overrides::default(), &missing).unwrap_err();
    assert!(matches!(error, SettingsError::Read { .. }));
    let failure = Failure::from(error);
    assert_eq!(failure.verdict, Verdict::Bad);
    let folder = tempfile::tempdir().unwrap();
    load(&with_file(&folder, ""), &missing).unwrap();
}

#[test]
fn an_empty_http_address_turns_it_off() {
    let folder = tempfile::tempdir().unwrap();
    let flags = with_file(&folder, "[http]\nlisten = \"127.0.0.1:1\"");
    let config = load(&flags, &variables(&[("LIVEZONE_HTTP", "")])).unwrap().config;
    assert_eq!(config.http.listen, None);
}

#[test]
fn a_variable_that_means_nothing_is_a_mistake_of_usage() {
    let folder = tempfile::tempdir().unwrap();
    let flags = with_file(&folder, "");
    let error = load(&flags, &variables(&[("LIVEZONE_DNS", "127.0.0.1")])).unwrap_err();
    let wanted = "LIVEZONE_DNS is \"127.0.0.1\": add a port, like 127.0.0.1:8600";
    assert_eq!(error.to_string(), wanted);
    assert_eq!(Failure::from(error).verdict, Verdict::Usage);
    load(&flags, &variables(&[("LIVEZONE_INSECURE", "yes")])).unwrap_err();
}

#[test]
fn values_are_judged_together_once_all_have_had_their_say() {
    let folder = tempfile::tempdir().unwrap();
    let mut flags = with_file(&folder, "[http]\nlisten = \"0.0.0.0:8500\"");
    let none = variables(&[]);
    assert!(matches!(load(&flags, &none).unwrap_err(), SettingsError::Together(_)));
    flags.listen.insecure = true;
    load(&flags, &none).unwrap();
    flags.listen.insecure = false;
    load(&flags, &variables(&[("LIVEZONE_INSECURE", "true")])).unwrap();
}

#[test]
fn a_bad_file_is_told_with_all_its_errors() {
    let folder = tempfile::tempdir().unwrap();
    let error = load(&with_file(&folder, "a = 1\nb = 2\n"), &variables(&[])).unwrap_err();
    assert!(error.to_string().ends_with("livezone.toml has 2 errors"), "{error}");
}
