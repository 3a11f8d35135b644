//! Kitchen machines, printers, and what they use up.

use super::super::row::{Kind, Pick, Type, count, either, may_set, may_tell, one_of, reading, set, tell};

const ADDITIVES: Kind = Kind::Choice(Pick { from: "supportedadditivetypes", fixed: &[], as_list: true, several: true });

pub(super) const TYPES: &[Type] = &[
    // `full` is read, and never asked for.
    ("oic.r.icemaker", &[set("status", either(&["on", "off"]))]),
    ("oic.r.brewing", &[set("amountrequested", count("ml")), may_set("strength", count(""))]),
    ("oic.r.foaming", &[set("foamstrength", count(""))]),
    ("oic.r.grinder", &[set("coarseness", count("")), may_tell("remaining", reading("%"))]),
    (
        "oic.r.waterinfo",
        &[set("currentwatertype", one_of("supportedwatertypes")), may_set("currentadditivetypes", ADDITIVES)],
    ),
    (
        "oic.r.consumable",
        &[
            tell("remaining", reading("%")),
            tell("typeofconsumable", Kind::Text),
            may_tell("orderpercentage", reading("%")),
            may_tell("url", Kind::Text),
        ],
    ),
    ("oic.r.consumablecollection", &[tell("links", Kind::Collection)]),
    ("oic.r.automaticdocumentfeeder", &[tell("currentAdfState", Kind::Text)]),
    (
        "oic.r.printer.3d",
        &[
            tell("3dprinttype", Kind::Text),
            may_tell("printsizex", reading("mm")),
            may_tell("printsizey", reading("mm")),
            may_tell("printsizez", reading("mm")),
            may_tell("memorysize", reading("MB")),
            may_tell("wanconnected", Kind::State),
        ],
    ),
    ("oic.r.printer.queue", &[tell("queue", Kind::List(None))]),
];
