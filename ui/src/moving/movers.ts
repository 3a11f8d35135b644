/** Who moves, row by row. Pure. */
import type { Device } from "../host/bindings/Device";
import type { Movers } from "../host/bindings/Movers";

export const standings = ["moved", "here", "overAccount", "elsewhere"] as const;
export type Standing = (typeof standings)[number];

export type Mover = { id: string; standing: Standing };

/** All of them, by name, so that nobody jumps when it has moved. */
export function moversOf(movers: Movers, nameOf: (id: string) => string): Mover[] {
  const all = standings.flatMap((standing) => movers[standing].map((id) => ({ id, standing })));
  return all.sort((a, b) => nameOf(a.id).localeCompare(nameOf(b.id)) || a.id.localeCompare(b.id));
}

/** Whether its password would go unencrypted. */
export const inTheClear = ({ standing }: Mover, device: Device | undefined): boolean =>
  standing === "here" && device?.lan?.security !== "ours";
