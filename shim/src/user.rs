//! Who runs a container's process: reads the user that an image or a pod names against the image's own `/etc/passwd` and
//! `/etc/group` (passwd(5), group(5)). Never asks the host's name service, whose users are not the image's.

use serde::{Deserialize, Serialize};

use crate::workload::User;

/// A user with everything that a process needs of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups, sorted.
    pub additional_gids: Vec<u32>,
    /// The home directory; `/` where the image knows none.
    pub home: String,
}

/// A user that the image does not know.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UserError {
    /// The image has no such user.
    #[error("the user `{0}` is not in /etc/passwd of the image")]
    UnknownUser(String),
    /// The image has no such group.
    #[error("the group `{0}` is not in /etc/group of the image")]
    UnknownGroup(String),
}

/// The text of an image's account files; empty where it has none.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// `/etc/passwd`.
    pub passwd: String,
    /// `/etc/group`.
    pub group: String,
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl Accounts {
    /// Resolves `user`, `uid`, `user:group`, `uid:gid` and the mixed forms, and lets `overrides` win.
    ///
    /// A named user gets the groups that list it; a uid without a group gets the group of its entry, or 0.
    ///
    /// # Errors
    /// [`UserError`]; numbers need no entry.
    pub fn resolve(&self, user: &str, overrides: Option<&User>) -> Result<Identity, UserError> {
        let (name, group) = user
            .split_once(':')
            .map_or((user, None), |(name, group)| (name, Some(group)));
        let overridden = overrides.and_then(|user| user.uid);
        let entry = match overridden {
            Some(uid) => self.entries().find(|entry| entry.uid == uid),
            None => self.find(name),
        };
        let uid = match (overridden, &entry) {
            (Some(uid), _) => uid,
            (None, Some(entry)) => entry.uid,
            (None, None) if name.is_empty() => 0,
            (None, None) => name
                .parse()
                .map_err(|_| UserError::UnknownUser(name.to_owned()))?,
        };
        let gid = match (overrides.and_then(|user| user.gid), group) {
            (Some(gid), _) => gid,
            // The image's group is that of the image's user, not of the one that replaces it.
            (None, Some(group)) if overridden.is_none() && !group.is_empty() => {
                self.group(group)?
            }
            _ => entry.as_ref().map_or(0, |entry| entry.gid),
        };
        let mut additional_gids =
            overrides.map_or_else(Vec::new, |user| user.additional_gids.clone());
        additional_gids.extend(entry.iter().flat_map(|entry| self.memberships(entry.name)));
        additional_gids.sort_unstable();
        additional_gids.dedup();
        let home = entry.map_or("", |entry| entry.home);
        let home = if home.is_empty() { "/" } else { home }.to_owned();
        Ok(Identity {
            uid,
            gid,
            additional_gids,
            home,
        })
    }

    fn find(&self, name: &str) -> Option<Account<'_>> {
        let uid = if name.is_empty() {
            Some(0)
        } else {
            name.parse().ok()
        };
        // A name may consist of digits: it goes before the number that it looks like.
        self.entries()
            .find(|entry| entry.name == name)
            .or_else(|| self.entries().find(|entry| Some(entry.uid) == uid))
    }

    fn entries(&self) -> impl Iterator<Item = Account<'_>> {
        self.passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            Some(Account {
                name,
                uid,
                gid,
                home: fields.nth(1).unwrap_or_default(),
            })
        })
    }

    fn groups(&self) -> impl Iterator<Item = (&str, u32, &str)> {
        self.group.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            Some((
                name,
                fields.nth(1)?.parse().ok()?,
                fields.next().unwrap_or_default(),
            ))
        })
    }

    fn group(&self, name: &str) -> Result<u32, UserError> {
        let named = self
            .groups()
            .find(|(other, ..)| *other == name)
            .map(|(_, gid, _)| gid);
        named
            .or_else(|| name.parse().ok())
            .ok_or_else(|| UserError::UnknownGroup(name.to_owned()))
    }

    fn memberships(&self, user: &str) -> impl Iterator<Item = u32> {
        self.groups()
            .filter(move |(.., members)| members.split(',').any(|member| member == user))
            .map(|(_, gid, _)| gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            passwd: "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:Web:/srv/web:/bin/sh\nbroken\n7:x:70:71::/seven:\n".into(),
            group: "root:x:0:\nweb:x:34:\nlog:x:4:web,root\nwheel:x:10:root\n".into(),
        }
    }

    #[test]
    fn every_form_of_an_images_user_is_read() {
        for (name, user, expected) in [
            ("none is root", "", (0, 0, &[4, 10][..], "/root")),
            ("a name", "web", (33, 34, &[4], "/srv/web")),
            ("a number with an entry", "33", (33, 34, &[4], "/srv/web")),
            ("a number without one", "1000", (1000, 0, &[], "/")),
            ("name and group", "web:wheel", (33, 10, &[4], "/srv/web")),
            ("numbers", "1000:1001", (1000, 1001, &[], "/")),
            ("mixed", "1000:log", (1000, 4, &[], "/")),
            ("a name of digits", "7", (70, 71, &[], "/seven")),
        ] {
            let (uid, gid, additional_gids, home) = expected;
            let expected = Identity {
                uid,
                gid,
                additional_gids: additional_gids.to_vec(),
                home: home.into(),
            };
            assert_eq!(accounts().resolve(user, None), Ok(expected), "{name}");
        }
    }

    #[test]
    fn a_pod_overrides_the_image() {
        let user = User {
            uid: Some(33),
            gid: None,
            additional_gids: vec![99, 4],
        };
        let resolved = accounts().resolve("root:wheel", Some(&user)).unwrap();
        assert_eq!(
            resolved,
            Identity {
                uid: 33,
                gid: 34,
                additional_gids: vec![4, 99],
                home: "/srv/web".into()
            }
        );
        let group = User {
            gid: Some(5),
            ..User::default()
        };
        assert_eq!(accounts().resolve("web", Some(&group)).unwrap().gid, 5);
    }

    #[test]
    fn unknown_names_are_errors() {
        assert_eq!(
            accounts().resolve("wbe", None),
            Err(UserError::UnknownUser("wbe".into()))
        );
        assert_eq!(
            accounts().resolve("web:wbe", None),
            Err(UserError::UnknownGroup("wbe".into()))
        );
    }
}
