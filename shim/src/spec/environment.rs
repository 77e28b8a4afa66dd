//! What a container runs and with which variables, by the rules of Kubernetes. Pure.

use super::SpecError;
use crate::user::Identity;
use crate::workload::{ImageConfig, Workload};

/// Where commands are looked for unless the image says otherwise.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What to run, by the rules of Kubernetes: `command` replaces the entrypoint and the image's arguments with it, `args`
/// replaces the arguments alone; `$(NAME)` in both stands for a variable.
pub(super) fn command(
    workload: &Workload,
    image: &ImageConfig,
    env: &[String],
) -> Result<Vec<String>, SpecError> {
    let given = |list: &Option<Vec<String>>| list.clone().filter(|list| !list.is_empty());
    let expanded = |list: Vec<String>| {
        list.iter()
            .map(|text| expand(text, env))
            .collect::<Vec<_>>()
    };
    let (command, args) = match (given(&workload.command), given(&workload.args)) {
        (Some(command), args) => (expanded(command), expanded(args.unwrap_or_default())),
        (None, Some(args)) => (image.entrypoint.clone(), expanded(args)),
        (None, None) => (image.entrypoint.clone(), image.cmd.clone()),
    };
    let all: Vec<_> = command.into_iter().chain(args).collect();
    if all.is_empty() {
        Err(SpecError::NoCommand)
    } else {
        Ok(all)
    }
}

/// The image's variables, then the pod's, then those that every process has unless they are given.
pub(super) fn environment(
    workload: &Workload,
    image: &ImageConfig,
    hostname: &str,
    identity: &Identity,
) -> Vec<String> {
    let mut env: Vec<String> = Vec::new();
    for entry in &image.env {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        set(&mut env, name, value);
    }
    for (name, value) in &workload.env {
        let value = expand(value, &env);
        set(&mut env, name, &value);
    }
    for (name, value) in [
        ("PATH", PATH),
        ("HOME", &identity.home),
        ("HOSTNAME", hostname),
    ] {
        if lookup(&env, name).is_none() {
            set(&mut env, name, value);
        }
    }
    env
}

/// Sets a variable, in the place of one of the same name.
pub(crate) fn set(env: &mut Vec<String>, name: &str, value: &str) {
    let entry = format!("{name}={value}");
    match env.iter_mut().find(|other| {
        other
            .split_once('=')
            .is_some_and(|(other, _)| other == name)
    }) {
        Some(other) => *other = entry,
        None => env.push(entry),
    }
}

/// The value of a variable.
pub(crate) fn lookup<'a>(env: &'a [String], name: &str) -> Option<&'a str> {
    env.iter()
        .filter_map(|entry| entry.split_once('='))
        .find(|(other, _)| *other == name)
        .map(|(_, value)| value)
}

/// Replaces `$(NAME)` by the variable's value where there is one; `$$` stands for `$`, so that `$$(NAME)` stays.
fn expand(text: &str, env: &[String]) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            rest = after;
        } else if let Some((name, after)) = after
            .strip_prefix('(')
            .and_then(|inner| inner.split_once(')'))
        {
            match lookup(env, name) {
                Some(value) => result.push_str(value),
                None => result.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            result.push('$');
            rest = after;
        }
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn command_and_args_replace_entrypoint_and_cmd_as_in_kubernetes() {
        let image = ImageConfig {
            entrypoint: list(&["/ep"]),
            cmd: list(&["c"]),
            ..ImageConfig::default()
        };
        for (name, command_given, args, expected) in [
            ("neither", None, None, &["/ep", "c"][..]),
            ("args", None, Some(&["a"][..]), &["/ep", "a"]),
            ("command", Some(&["/run"][..]), None, &["/run"]),
            (
                "both",
                Some(&["/run"]),
                Some(&["a", "b"]),
                &["/run", "a", "b"],
            ),
            ("empty ones are none", Some(&[]), Some(&[]), &["/ep", "c"]),
        ] {
            let workload = Workload {
                command: command_given.map(list),
                args: args.map(list),
                ..Workload::default()
            };
            assert_eq!(command(&workload, &image, &[]).unwrap(), expected, "{name}");
        }
        assert!(matches!(
            command(&Workload::default(), &ImageConfig::default(), &[]),
            Err(SpecError::NoCommand)
        ));
    }

    #[test]
    fn references_to_variables_are_expanded() {
        let env = list(&["A=1", "B=two words"]);
        for (text, expected) in [
            ("$(A)", "1"),
            ("x$(A)y$(B)", "x1ytwo words"),
            ("$$(A)", "$(A)"),
            ("$(UNKNOWN)", "$(UNKNOWN)"),
            ("$A $ $( $", "$A $ $( $"),
            ("ü$(A)", "ü1"),
        ] {
            assert_eq!(expand(text, &env), expected, "{text}");
        }
    }

    #[test]
    fn later_variables_replace_earlier_ones_and_the_usual_ones_are_there() {
        let image = ImageConfig {
            env: list(&["PATH=/bin", "A=image", "EMPTY"]),
            ..ImageConfig::default()
        };
        let workload = Workload {
            env: vec![
                ("A".into(), "pod".into()),
                ("B".into(), "$(A)-$(C)".into()),
                ("C".into(), "x".into()),
            ],
            ..Workload::default()
        };
        let identity = crate::user::Identity {
            home: "/root".into(),
            ..Default::default()
        };
        let env = environment(&workload, &image, "h1", &identity);
        assert_eq!(
            env,
            list(&[
                "PATH=/bin",
                "A=pod",
                "EMPTY=",
                "B=pod-$(C)",
                "C=x",
                "HOME=/root",
                "HOSTNAME=h1"
            ])
        );
    }
}
