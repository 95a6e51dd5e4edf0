use netlink_packet_core::{DefaultNla, Emitable, NLM_F_CREATE, NLM_F_ECHO, Nla};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{
    TcActionAttribute, TcActionMirrorOption, TcActionOption, TcAttribute, TcFilterU32Option,
    TcHandle, TcMessage, TcMirrorActionType, TcOption,
};
use nix::errno::Errno;

use super::{Refusal, RouteSocket};

/// A queueing discipline as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QdiscState {
    pub(crate) kind: String,
    pub(crate) handle: TcHandle,
    /// The value of `TCA_OPTIONS`, where it is of no kind that is decoded.
    pub(crate) options: Vec<u8>,
}

/// A filter of a queueing discipline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FilterState {
    /// Its preference: smaller is looked at first.
    pub(crate) preference: u16,
    /// The link that it redirects to, for a u32 filter that does.
    pub(crate) redirects_to: Option<u32>,
}

/// A message about what is at `parent` of a link.
pub(crate) fn tc_message(
    index: u32,
    parent: TcHandle,
    attributes: impl IntoIterator<Item = TcAttribute>,
) -> TcMessage {
    let mut message = TcMessage::with_index(index.cast_signed());
    message.header.parent = parent;
    message.attributes.extend(attributes);
    message
}

impl QdiscState {
    fn read(message: TcMessage) -> Self {
        let mut qdisc = Self {
            kind: String::new(),
            handle: message.header.handle,
            options: Vec::new(),
        };
        for attribute in message.attributes {
            match attribute {
                TcAttribute::Kind(kind) => qdisc.kind = kind,
                TcAttribute::Options(options) => {
                    for option in options {
                        if let TcOption::Other(option) = option {
                            qdisc.options = value(&option);
                        }
                    }
                }
                _ => {}
            }
        }
        qdisc
    }

    /// How an operator would tell it from another.
    pub(crate) fn description(&self) -> String {
        format!("{} {:x}:", self.kind, self.handle.major)
    }
}

fn value(attribute: &DefaultNla) -> Vec<u8> {
    let mut bytes = vec![0; attribute.value_len()];
    attribute.emit_value(&mut bytes);
    bytes
}

impl FilterState {
    fn read(message: &TcMessage) -> Self {
        let [high, low, _, _] = message.header.info.to_be_bytes();
        let options = message.attributes.iter().filter_map(|each| match each {
            TcAttribute::Options(options) => Some(options),
            _ => None,
        });
        let actions = options.flatten().filter_map(|option| match option {
            TcOption::U32(TcFilterU32Option::Action(actions)) => Some(actions),
            _ => None,
        });
        let redirects_to = actions
            .flatten()
            .flat_map(|action| &action.attributes)
            .filter_map(|attribute| match attribute {
                TcActionAttribute::Options(options) => Some(options),
                _ => None,
            })
            .flatten()
            .find_map(|option| match option {
                TcActionOption::Mirror(TcActionMirrorOption::Parms(parameters))
                    if parameters.eaction == TcMirrorActionType::EgressRedir =>
                {
                    Some(parameters.ifindex)
                }
                _ => None,
            });
        Self {
            preference: u16::from_be_bytes([high, low]),
            redirects_to,
        }
    }
}

/// Traffic control (tc(8)).
impl RouteSocket {
    /// What is at this place of a link; None where nobody put anything. Asked for by name: a dump would be of all links.
    pub(crate) fn qdisc(
        &self,
        index: u32,
        parent: TcHandle,
    ) -> Result<Option<QdiscState>, Refusal> {
        let request = RouteNetlinkMessage::GetQueueDiscipline(tc_message(index, parent, []));
        let answers = match self.request(request, NLM_F_ECHO) {
            Err(refusal) if refusal.errno == Errno::ENOENT => return Ok(None),
            answers => answers?,
        };
        // The kernel's own default has no number and is not shown.
        Ok(answers.into_iter().find_map(|answer| match answer {
            RouteNetlinkMessage::NewQueueDiscipline(message) => {
                Some(QdiscState::read(message)).filter(|qdisc| qdisc.handle != TcHandle::UNSPEC)
            }
            _ => None,
        }))
    }

    /// What is anywhere on any link, each with the link's index. The kernel's own defaults are not told.
    pub(crate) fn qdiscs(&self) -> Result<Vec<(u32, QdiscState)>, Refusal> {
        let request = RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default());
        let found = self.dump(&request)?.into_iter();
        Ok(found
            .filter_map(|answer| match answer {
                RouteNetlinkMessage::NewQueueDiscipline(message) => {
                    let index = message.header.index.cast_unsigned();
                    Some((index, QdiscState::read(message)))
                }
                _ => None,
            })
            .filter(|(_, qdisc)| qdisc.handle != TcHandle::UNSPEC)
            .collect())
    }

    /// Puts a queueing discipline in its place, or changes the one that has its number. EEXIST: the place is taken.
    pub(crate) fn put_qdisc(&self, message: TcMessage) -> Result<(), Refusal> {
        self.request(
            RouteNetlinkMessage::NewQueueDiscipline(message),
            NLM_F_CREATE,
        )
        .map(drop)
    }

    pub(crate) fn delete_qdisc(&self, message: TcMessage) -> Result<(), Refusal> {
        self.request(RouteNetlinkMessage::DelQueueDiscipline(message), 0)
            .map(drop)
    }

    pub(crate) fn add_filter(&self, message: TcMessage) -> Result<(), Refusal> {
        self.request(RouteNetlinkMessage::NewTrafficFilter(message), NLM_F_CREATE)
            .map(drop)
    }

    pub(crate) fn delete_filter(&self, message: TcMessage) -> Result<(), Refusal> {
        self.request(RouteNetlinkMessage::DelTrafficFilter(message), 0)
            .map(drop)
    }

    /// The filters at this place of a link.
    pub(crate) fn filters(
        &self,
        index: u32,
        parent: TcHandle,
    ) -> Result<Vec<FilterState>, Refusal> {
        let request = RouteNetlinkMessage::GetTrafficFilter(tc_message(index, parent, []));
        let answers = self.dump(&request)?;
        let filters = answers.iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewTrafficFilter(message) => Some(FilterState::read(message)),
            _ => None,
        });
        Ok(filters.collect())
    }
}

/// `TCA_OPTIONS` whose value is these attributes.
pub(crate) fn options(attributes: &[DefaultNla]) -> TcAttribute {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, bytes))
}

/// `TCA_OPTIONS` (`linux/rtnetlink.h`).
const TCA_OPTIONS: u16 = 2;
