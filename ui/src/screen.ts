/** The views of a device's page; the first one has no word of its own in the address. */
export const deviceTabs = ["controls", "resources", "security"] as const;
export type DeviceTab = (typeof deviceTabs)[number];

/** The address after # as a screen, so that links are links and back is back. Pure. */
export type Screen =
  | { is: "welcome" }
  | { is: "wizard"; at: "account" | "add" | "move" }
  | { is: "home" }
  | { is: "device"; id: string; tab: DeviceTab }
  | { is: "settings" }
  | { is: "move" };

export function screenAt(hash: string, hasAccount: boolean, isMoving: boolean): Screen {
  const [first = "", second, third] = hash.replace(/^#\/?/, "").split("/");
  if (first === "add" || first === "account") return { is: "wizard", at: first };
  if (!hasAccount) return { is: "welcome" };
  if (first === "move") return isMoving ? { is: "move" } : { is: "wizard", at: "move" };
  if (first === "settings") return { is: "settings" };
  if (first === "device" && second) {
    return { is: "device", id: decoded(second), tab: deviceTabs.find((tab) => tab === third) ?? "controls" };
  }
  return { is: "home" };
}

/** Somebody may have typed it: what cannot be decoded is taken as it stands. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
