/** What a person is asked before something is done that may do harm or cannot be taken back. Pure. */
import type { Control } from "../host/bindings/Control";
import type { Device } from "../host/bindings/Device";
import type { Press } from "../host/bindings/Press";
import type { JsonValue } from "../host/bindings/serde_json/JsonValue";
import { words } from "../words";
import type { IconName } from "./icons";
import { sayIn, sayPress } from "./say";
import { nameOf } from "./titles";
import { isLocked } from "./values";

export type Question = {
  /** Window tests find it by this: unlock-dialog, confirm-go. */
  test: "unlock" | "confirm";
  icon: IconName;
  title: string;
  text: string;
  go: string;
  keep: string;
  /** What is lost is lost. */
  danger: boolean;
};

type Asking = { title: (name: string) => string; text: string; go: string; keep: string };

const say = words.questions;
const of = (device: Device, { title, text, go, keep }: Asking, icon: IconName, danger = false): Question => ({
  test: "confirm",
  icon,
  title: title(device.name),
  text,
  go,
  keep,
  danger,
});

/** Before a value is asked for; null: it needs no question. Locking needs none, unlocking always one. */
export function beforeSetting(device: Device, control: Control, value: JsonValue): Question | null {
  const { shape, rt, confirm } = control;
  if (shape.is === "lock") {
    return isLocked(value) === true ? null : { ...of(device, say.unlock, "unlock"), test: "unlock" };
  }
  if (!confirm) return null;
  if (rt === "oic.r.alarm" && shape.is === "switch")
    return of(device, value === true ? say.alarmOn : say.alarmOff, "bell");
  const { set, text, go, keep } = say.other;
  const said = sayIn(device, control, value) ?? "";
  return of(device, { title: (name) => set(nameOf(control), said, name), text, go, keep }, "warning");
}

/** Before a button is pressed. */
export function beforePressing(device: Device, control: Control, press: Press): Question | null {
  if (!control.confirm) return null;
  const isCare = control.rt === "oic.wk.mnt";
  if (isCare && press.name === "rb") return of(device, say.rb, "refresh");
  if (isCare && press.name === "fr") return of(device, say.fr, "warning", true);
  if (press.name === "picture-reset") return of(device, say["picture-reset"], "undo", true);
  const { title, text, go, keep } = say.other;
  return of(device, { title: (name) => title(sayPress(control, press.name), name), text, go, keep }, "warning");
}
