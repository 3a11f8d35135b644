/** How a step or a link stands, as a bead. */
export type BeadIs = "waiting" | "wish" | "fact" | "broken" | "ask" | "now";
