//! Settings that cannot be: errors name them, and removal goes on.

use pinwire_support::error::chain;
use pinwire_support::inside::ip;
use pinwire_support::sandbox::sandbox;
use pinwire_wiring::annotation::Route;
use pinwire_wiring::setting::{Setting, apply, remove, settings};
use serde_json::{Value, json};

use crate::settings::{one_link, pair};
use crate::topology::{forwarding, no_forwarding};

#[test]
fn errors_name_the_setting_and_carry_the_kernel_s_words() {
    sandbox(|sandbox| {
        let (a, _b, _wire) = pair(sandbox);
        apply(&a, &settings(&one_link(), &no_forwarding())).unwrap();
        let with = |value: Value| {
            let plan = settings(&[], &forwarding(value));
            chain(&apply(&a, &plan).unwrap_err())
        };
        let found = with(json!({"routes": [{"to": "10.5.0.0/16", "via": "192.0.2.1"}]}));
        assert!(found.contains("route 10.5.0.0/16 via 192.0.2.1"), "{found}");
        assert!(
            found.contains("Nexthop has invalid gateway (ENETUNREACH"),
            "{found}"
        );
        let found =
            with(json!({"routes": [{"to": "10.0.3.0/24", "via": "10.0.3.9", "metric": 0}]}));
        assert!(
            found.contains("another route to 10.0.3.0/24 exists"),
            "{found}"
        );
        let found = with(json!({"routes": [{"to": "10.5.0.0/16", "interface": "eth7"}]}));
        assert!(found.contains("there is no interface `eth7`"), "{found}");
        let found = with(json!({"sysctls": {"net.ipv4.no_such_thing": 1}}));
        assert!(
            found.contains("there is no sysctl `net.ipv4.no_such_thing`"),
            "{found}"
        );
        let found = with(json!({"sysctls": {"net.ipv4.ip_default_ttl": 999}}));
        assert!(found.contains("does not take `999`"), "{found}");
    });
}

#[test]
fn removal_goes_on_after_errors_and_returns_them() {
    sandbox(|sandbox| {
        let (a, _b, _wire) = pair(sandbox);
        let mut plan = settings(&one_link(), &no_forwarding());
        apply(&a, &plan).unwrap();
        let (here, gone) = ("eth0".parse().unwrap(), "eth9".parse().unwrap());
        plan.push(Setting::Xdp {
            from: gone,
            to: here,
        });
        // The planner refuses this one, the kernel as well.
        let wrong: Route =
            serde_json::from_value(json!({"to": "fd00:9::/64", "via": "10.0.3.1"})).unwrap();
        plan.push(Setting::Route(wrong.clone()));
        let errors = remove(&a, &plan);
        assert_eq!(
            errors.len(),
            1,
            "an interface that is gone took its settings along: {errors:?}"
        );
        assert_eq!(*errors[0].setting, Setting::Route(wrong));
        assert!(chain(&errors[0]).starts_with("cannot remove the setting `route fd00:9::/64"));
        let seen = &ip(&a, "address show dev eth0")[0];
        assert_eq!(
            seen["addr_info"].as_array().unwrap().len(),
            0,
            "the rest is gone"
        );
    });
}
