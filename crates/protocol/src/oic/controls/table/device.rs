//! What a device says of itself: its description, its care, its set-up and its security (OCF Core §11, OCF Security
//! §13, OCF Wi-Fi Easy Setup §7). Set-up and security are read here and never set: onboarding does that, in order.

use super::super::row::{Kind, PLAIN, Row, Type, may_set, may_tell, set, tell};
use super::super::shape::TimeForm;

const DAY: Kind = Kind::Time(TimeForm::DateTime);

pub(super) const TYPES: &[Type] = &[
    ("oic.wk.d", &[tell("n", Kind::Text), may_tell("icv", Kind::Text), may_tell("sv", Kind::Text)]),
    (
        "oic.wk.p",
        &[
            tell("mnmn", Kind::Text),
            may_tell("mnmo", Kind::Text),
            may_tell("mnsel", Kind::Text),
            may_tell("mndt", Kind::Text),
            may_tell("mnfv", Kind::Text),
            may_tell("mnhw", Kind::Text),
            may_tell("mnos", Kind::Text),
            may_tell("mnpv", Kind::Text),
            may_tell("st", DAY),
            may_tell("mnsl", Kind::Text),
        ],
    ),
    (
        "oic.wk.con",
        &[set("n", Kind::Text), may_set("locn", Kind::Text), may_set("r", Kind::Text), may_set("dl", Kind::Text)],
    ),
    ("oic.wk.con.p", &[may_tell("mnpn", Kind::List(None))]),
    // Restart and factory reset.
    ("oic.wk.mnt", &[may_set("rb", Kind::Button).asking(), may_set("fr", Kind::Button).asking()]),
    (
        "oic.r.softwareupdate",
        &[
            tell("swupdatestate", Kind::Text),
            may_tell("nv", Kind::Text),
            may_tell("swupdateresult", PLAIN),
            may_tell("lastupdate", DAY),
            may_tell("updatetime", DAY),
        ],
    ),
    ("oic.r.easysetup", &[tell("ps", PLAIN), may_tell("lec", PLAIN)]),
    ("oic.r.wificonf", &[tell("tnn", Kind::Text), may_tell("wat", Kind::Text), may_tell("wet", Kind::Text)]),
    ("oic.r.devconf", &[tell("dn", Kind::Text)]),
    ("oic.r.coapcloudconf", &[tell("cps", Kind::Text), may_tell("cis", Kind::Text), may_tell("clec", PLAIN)]),
    ("oic.r.doxm", &[tell("owned", Kind::State)]),
    ("oic.r.pstat", &[tell("isop", Kind::State)]),
    ("oic.ra.xmpp", &[tell("status", Kind::Text), may_tell("address", Kind::Text), may_tell("port", PLAIN)]),
    // Keys, accounts, and who may do what: nothing to show, and nothing to be guessed from their values either.
    ("oic.ra.user", NOTHING),
    ("oic.r.cred", NOTHING),
    ("oic.r.acl", NOTHING),
    ("oic.r.acl2", NOTHING),
    ("oic.r.ael", NOTHING),
    ("oic.r.amacl", NOTHING),
    ("oic.r.sacl", NOTHING),
    ("oic.r.svc", NOTHING),
    ("oic.r.csr", NOTHING),
    ("oic.r.crl", NOTHING),
    ("oic.r.roles", NOTHING),
    ("oic.r.sp", NOTHING),
    ("oic.r.sdi", NOTHING),
    ("oic.r.account", NOTHING),
    ("oic.r.session", NOTHING),
    ("oic.r.tokenrefresh", NOTHING),
    ("oic.wk.introspection", NOTHING),
    ("oic.wk.res", NOTHING),
    ("oic.r.userid", &[tell("userid", Kind::Text)]),
    // What a machine keeps for machines: what kind it is may be read, what it holds not.
    (
        "oic.r.opaquedata",
        &[
            tell("payloadtype", Kind::Text),
            may_tell("encoding", Kind::Text),
            may_tell("size", Kind::Reading(Some("B"))),
            may_tell("system", Kind::Text),
        ],
    ),
];

const NOTHING: &[Row] = &[];
