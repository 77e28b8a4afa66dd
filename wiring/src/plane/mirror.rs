//! The plane `mirror`: what enters one interface leaves by another, by tc-mirred(8). Pure: netlink messages.
//!
//! An ingress queueing discipline with one filter. The filter is u32 with a key that matches everything, since u32 is in
//! kernels that lack `cls_matchall`.

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{
    TcAction, TcActionAttribute, TcActionGeneric, TcActionMirror, TcActionMirrorOption,
    TcActionOption, TcActionType, TcAttribute, TcFilterU32, TcFilterU32Option, TcHandle, TcMessage,
    TcMirror, TcMirrorActionType, TcOption, TcU32Key, TcU32Selector, TcU32SelectorFlags,
};

/// Handle of the ingress queueing discipline, `ffff:`.
const INGRESS: TcHandle = TcHandle {
    major: 0xffff,
    minor: 0,
};
/// The filter's handle `800::800`, the first of the first hash table: named, so that a second time replaces.
const FILTER: u32 = 0x8000_0800;
/// The filter's priority.
const PRIORITY: u32 = 1;
/// `ETH_P_ALL` (`linux/if_ether.h`), in network order as tc has it.
const ALL_PROTOCOLS: u32 = 0x0003_u16.to_be() as u32;

/// The requests, with flags, that make or unmake the plane's way from one interface to another, by index.
pub(crate) fn messages(from: u32, to: u32, apply: bool) -> Vec<(RouteNetlinkMessage, u16)> {
    let discipline = discipline(from);
    if !apply {
        // Its filter goes with it.
        return vec![(RouteNetlinkMessage::DelQueueDiscipline(discipline), 0)];
    }
    vec![
        (
            RouteNetlinkMessage::NewQueueDiscipline(discipline),
            NLM_F_CREATE | NLM_F_EXCL,
        ),
        (
            RouteNetlinkMessage::NewTrafficFilter(filter(from, to)),
            NLM_F_CREATE | NLM_F_REPLACE,
        ),
    ]
}

fn discipline(index: u32) -> TcMessage {
    let mut message = TcMessage::default();
    message.header.index = index.cast_signed();
    message.header.handle = INGRESS;
    message.header.parent = TcHandle::INGRESS;
    message.attributes = vec![TcAttribute::Kind("ingress".to_owned())];
    message
}

fn filter(from: u32, to: u32) -> TcMessage {
    // A mask of zero matches every packet.
    let mut selector = TcU32Selector::default();
    selector.flags = TcU32SelectorFlags::Terminal;
    selector.nkeys = 1;
    selector.keys = vec![TcU32Key::default()];
    let mut message = TcMessage::default();
    message.header.index = from.cast_signed();
    message.header.handle = FILTER.into();
    message.header.parent = INGRESS;
    message.header.info = PRIORITY << 16 | ALL_PROTOCOLS;
    message.attributes = vec![
        TcAttribute::Kind(TcFilterU32::KIND.to_owned()),
        TcAttribute::Options(vec![
            TcOption::U32(TcFilterU32Option::Selector(selector)),
            TcOption::U32(TcFilterU32Option::Action(vec![redirect(to)])),
        ]),
    ];
    message
}

fn redirect(to: u32) -> TcAction {
    let mut generic = TcActionGeneric::default();
    generic.action = TcActionType::Stolen;
    let mut mirror = TcMirror::default();
    mirror.generic = generic;
    mirror.eaction = TcMirrorActionType::EgressRedir;
    mirror.ifindex = to;
    let mut action = TcAction::default();
    action.attributes = vec![
        TcActionAttribute::Kind(TcActionMirror::KIND.to_owned()),
        TcActionAttribute::Options(vec![TcActionOption::Mirror(TcActionMirrorOption::Parms(
            mirror,
        ))]),
    ];
    action
}
