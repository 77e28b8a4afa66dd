//! Messages about virtual functions are written and read.

use super::*;

fn attributes() -> Vec<Attribute> {
    vec![
        Attribute::Mac(Some("02:00:00:00:00:01".parse().unwrap())),
        Attribute::Vlan(Vlan {
            id: 5,
            qos: 3,
            protocol: VlanProtocol::Service,
        }),
        Attribute::Rate(Rate { min: 1, max: 100 }),
        Attribute::SpoofCheck(false),
        Attribute::LinkState(LinkState::Disable),
        Attribute::Trust(true),
    ]
}

/// An answer with some virtual functions, made of what requests are made of.
fn answer(functions: &[DefaultNla]) -> Vec<u8> {
    let list = nest(VFINFO_LIST, functions);
    let mut bytes = vec![0; HEADER + list.buffer_len()];
    bytes[FLAGS] = 1;
    list.emit(&mut bytes[HEADER..]);
    bytes
}

fn deserialize(bytes: &[u8]) -> Result<PfMessage, DecodeError> {
    let mut header = NetlinkHeader::default();
    header.message_type = NEWLINK;
    PfMessage::deserialize(&header, bytes)
}

#[test]
fn what_is_told_is_read_back() {
    let list: Vec<DefaultNla> = attributes().iter().map(|one| write(6, *one)).collect();
    let PfMessage::Answer { up, functions } =
        deserialize(&answer(&[nest(VF_INFO, &list)])).unwrap()
    else {
        panic!("an answer is read as one");
    };
    assert!(up);
    let [(6, found)] = &functions[..] else {
        panic!("{functions:?}");
    };
    for attribute in attributes() {
        assert!(found.has(attribute), "{attribute}: {found:?}");
    }
}

#[test]
fn what_a_driver_does_not_know_is_absent() {
    let words = |kind, value: u32| {
        let bytes = [3_u32.to_ne_bytes(), value.to_ne_bytes()].concat();
        DefaultNla::new(kind, bytes)
    };
    let list = [
        write(3, Attribute::Mac(None)),
        words(SPOOFCHK, UNSUPPORTED),
        words(TRUST, UNSUPPORTED),
        words(LINK_STATE, 9),
    ];
    let answer = deserialize(&answer(&[nest(VF_INFO, &list)])).unwrap();
    let functions = vec![(3, Found::default())];
    assert_eq!(
        answer,
        PfMessage::Answer {
            up: true,
            functions
        }
    );
}

#[test]
fn all_virtual_functions_are_read_and_cut_answers_are_no_panic() {
    let functions: Vec<DefaultNla> = (0..256)
        .map(|index| {
            let list: Vec<DefaultNla> = attributes().iter().map(|one| write(index, *one)).collect();
            nest(VF_INFO, &list)
        })
        .collect();
    let bytes = answer(&functions);
    let Ok(PfMessage::Answer { functions, .. }) = deserialize(&bytes) else {
        panic!("the answer is read");
    };
    assert_eq!(functions.len(), 256);
    assert!(functions.iter().map(|(index, _)| *index).eq(0..256));
    for length in 0..600 {
        let _ = deserialize(&bytes[..length]);
    }
}

#[test]
fn a_request_names_interface_and_function() {
    let message = PfMessage::Set {
        interface: 0x0102,
        index: 7,
        attributes: vec![Attribute::Trust(true)],
    };
    let mut bytes = vec![0xff; message.buffer_len()];
    message.serialize(&mut bytes);
    let mut expected = vec![0; HEADER];
    expected[INDEX..INDEX + 4].copy_from_slice(&0x0102_u32.to_ne_bytes());
    // IFLA_VFINFO_LIST, IFLA_VF_INFO, IFLA_VF_TRUST: length and type of each, then both words.
    for half in [
        20,
        VFINFO_LIST | NLA_F_NESTED,
        16,
        VF_INFO | NLA_F_NESTED,
        12,
        TRUST,
    ] {
        expected.extend(half.to_ne_bytes());
    }
    expected.extend([7_u32.to_ne_bytes(), 1_u32.to_ne_bytes()].concat());
    assert_eq!(bytes, expected);
}
