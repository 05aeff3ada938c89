//! The README says what is so: its commands are run, and its outputs are what they print. So does
//! docs/configuration.md.

mod configuration;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::root;
use crate::support::needs;
use crate::support::server::{Server, TestServer, ZONE, livezone};

/// One command of the README and the lines it prints there.
struct Example {
    command: String,
    output: Vec<String>,
}

/// The commands of the `console` blocks, in order.
fn examples() -> Vec<Example> {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let mut examples: Vec<Example> = Vec::new();
    let mut within = false;
    for line in text.lines() {
        if line.starts_with("```") {
            within = line == "```console";
        } else if within && let Some(command) = line.strip_prefix("$ ") {
            examples.push(Example { command: command.to_owned(), output: Vec::new() });
        } else if within {
            examples.last_mut().unwrap().output.push(line.to_owned());
        }
    }
    examples
}

/// The text of the first block of that language.
fn block(language: &str) -> String {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let begin = format!("```{language}\n");
    text.split_once(&begin).unwrap().1.split_once("```").unwrap().0.to_owned()
}

/// Serves the zone in the repository.
fn shipped() -> Server {
    let server = TestServer::new();
    for file in fs::read_dir(root().join("zones").join(ZONE)).unwrap() {
        let path = file.unwrap().path();
        server
            .put(path.file_name().unwrap().to_str().unwrap(), &fs::read_to_string(&path).unwrap());
    }
    server.start()
}

/// Answers come in a fresh order each time.
fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    lines.sort();
    lines
}

#[test]
fn the_first_screen_starts_with_its_two_commands() {
    let commands: Vec<String> = examples().into_iter().map(|example| example.command).collect();
    assert_eq!(commands.first().unwrap(), "cargo run --release -- serve");
    assert!(commands.iter().any(|command| command == "cargo test"));
}

#[test]
fn its_questions_are_answered_as_it_says_by_the_zones_it_ships() {
    let test = "its_questions_are_answered_as_it_says_by_the_zones_it_ships";
    if !needs::programs(test, &["dig", "curl"]) {
        return;
    }
    let server = shipped();
    let (dns, http) = (server.dns.port().to_string(), server.http().port().to_string());
    let programs = ["dig ", "curl ", "livezone "];
    let asks = |command: &str| {
        programs.iter().any(|with| command.starts_with(with)) && !command.contains(" check ")
    };
    let questions = examples().into_iter().filter(|example| asks(&example.command));
    let folder = Path::new(livezone().get_program()).parent().unwrap().to_owned();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut asked = 0;
    for Example { command, output } in questions {
        let here = command.replace("8600", &dns).replace(":8500/", &format!(":{http}/"));
        let mut shell = Command::new("sh");
        shell.args(["-c", &here]).env("PATH", &path).current_dir(server.setup.path());
        let printed = shell.env("LIVEZONE_HTTP", format!("127.0.0.1:{http}")).output().unwrap();
        assert!(printed.status.success(), "{here}: {printed:?}");
        let printed = String::from_utf8(printed.stdout).unwrap();
        let printed = sorted(printed.lines().map(ToOwned::to_owned));
        assert_eq!(printed, sorted(output.into_iter()), "{command}");
        asked += 1;
    }
    assert!(asked >= 10, "the README asks questions");
}

#[test]
fn its_registration_is_checked_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let zone = folder.path().join("zones/service.internal");
    fs::create_dir_all(&zone).unwrap();
    fs::write(zone.join("api.toml"), block("toml")).unwrap();
    let example = examples().into_iter().find(|e| e.command.starts_with("livezone check")).unwrap();
    let printed = livezone()
        .args(example.command.split(' ').skip(1))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8([printed.stdout, printed.stderr].concat()).unwrap();
    assert_eq!(text.trim(), example.output.join("\n"));
    assert!(printed.status.success());
}

#[test]
fn every_metric_of_its_table_is_there_and_every_metric_stands_in_it() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let server = shipped();
    let metrics = server.get("/metrics").body;
    let families: Vec<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(|name| *name != "livezone_build_info")
        .collect();
    for family in &families {
        assert!(text.contains(&format!("`{family}`")), "{family} is not in the README");
    }
    let named = text.split('`').filter(|word| {
        word.starts_with("livezone_") && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    for name in named {
        assert!(families.contains(&name), "{name} is in the README alone");
    }
}
