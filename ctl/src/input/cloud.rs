//! cloud-init's data: where a machine gets it, and what it says.

use std::rc::Rc;

use super::read::Reader;
use super::text::Text;
use crate::rules::Learnt;
use crate::source::Place;
use crate::yaml::{Entry, Node};

/// One text for cloud-init.
#[derive(Debug)]
pub(crate) struct CloudText {
    pub(crate) text: Rc<Text>,
    /// Its document; `None` where it is none, or is a template that is filled in by the guest.
    pub(crate) root: Option<Rc<Node>>,
    /// What rules have found out about it, once they have.
    pub(crate) learnt: Learnt,
}

impl CloudText {
    pub(crate) fn read(text: Rc<Text>, reader: &mut Reader, user_data: bool) -> Self {
        let yaml = !user_data || is_cloud_config(&text.content);
        let root = if yaml { reader.parse(&text).into_iter().next() } else { None };
        Self { text, root, learnt: Learnt::default() }
    }
}

/// Whether cloud-init takes a text as its configuration. It minds neither letter case nor empty
/// lines before the header.
pub(crate) fn is_cloud_config(text: &str) -> bool {
    let header = "#cloud-config";
    text.trim_start().get(..header.len()).is_some_and(|start| start.eq_ignore_ascii_case(header))
}

/// What a volume says about one of the two texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    /// The guest gets none.
    Absent,
    /// It comes from what is not among the inputs.
    Unknown,
    /// Index into the texts.
    Known(usize),
}

impl Data {
    pub(crate) fn known(self, texts: &[CloudText]) -> Option<&CloudText> {
        match self {
            Self::Known(index) => texts.get(index),
            _ => None,
        }
    }
}

/// The cloud-init volume of a machine.
#[derive(Debug)]
pub(crate) struct CloudInit {
    /// Of the key `cloudInitNoCloud` or `cloudInitConfigDrive`.
    pub(crate) place: Place,
    pub(crate) source: Rc<Node>,
    pub(crate) user: Data,
    pub(crate) network: Data,
}

/// The names of one of the two texts.
pub(crate) struct Names {
    pub(crate) inline: &'static str,
    pub(crate) base64: &'static str,
    pub(crate) reference: &'static str,
    /// The keys in a secret.
    pub(crate) keys: [&'static str; 2],
}

impl Names {
    /// Where a volume may name its text.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [self.inline, self.base64, self.reference].into_iter()
    }
}

pub(crate) const USER: Names = Names {
    inline: "userData",
    base64: "userDataBase64",
    reference: "secretRef",
    keys: ["userdata", "userData"],
};

pub(crate) const NETWORK: Names = Names {
    inline: "networkData",
    base64: "networkDataBase64",
    reference: "networkDataSecretRef",
    keys: ["networkdata", "networkData"],
};

/// The cloud-init volume among a machine's.
pub(crate) fn volume(spec: &Node) -> Option<&Entry> {
    spec.list(&["volumes"]).find_map(|volume| {
        volume.entry("cloudInitNoCloud").or_else(|| volume.entry("cloudInitConfigDrive"))
    })
}
