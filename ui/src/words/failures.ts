/**
 * Code → what a person reads: `short` stands in a chip, `happened` is what happened, `todo` what to do about it.
 * The protocol's, the device's or the system's own words never stand here: they are shown under Details.
 */
import type { Code } from "../host/bindings/Code";

export type FailureWords = { short: string; happened: string; todo: string };

export const failures: Record<Code, FailureWords> = {
  "jid-invalid": {
    short: "Not an account address",
    happened: "This is not an account address.",
    todo: "Write it as name@server.example, without spaces and without anything after a slash.",
  },
  "password-missing": {
    short: "Password missing",
    happened: "There is no password for this account yet.",
    todo: "Type it.",
  },
  "server-invalid": {
    short: "Not a server",
    happened: "This is neither a host name nor an IP address.",
    todo: "Write it as xmpp.server.example, without a port and without https://.",
  },
  "port-invalid": {
    short: "Not a port",
    happened: "This is not a port.",
    todo: "Type a number from 1 to 65535. Most servers use 5222.",
  },
  "ca-file-invalid": {
    short: "No certificate in the file",
    happened: "This file cannot be read, or holds no certificate.",
    todo: "Choose a PEM file: its first line says BEGIN CERTIFICATE.",
  },
  "pin-invalid": {
    short: "No fingerprint",
    happened: "What stands for the trusted certificate is no SHA-256 fingerprint, or an authority’s file stands beside it.",
    todo: "Take it away, check the account again, and compare the certificate that is shown.",
  },
  "loopback-address": {
    short: "This computer only",
    happened: "This address means this computer itself. No device can reach it.",
    todo: "Type the name or address by which other devices reach the server.",
  },
  "no-account": {
    short: "No account",
    happened: "There is no account yet.",
    todo: "Enter one in Settings.",
  },
  "dns-failed": {
    short: "Name not found",
    happened: "Nobody knows an address for the server’s name.",
    todo: "Check the spelling and the network, or type the server under Advanced.",
  },
  "tcp-refused": {
    short: "Nothing at that port",
    happened: "The server’s computer is there, but nothing listens at this port.",
    todo: "Check the port, or ask whoever runs the server.",
  },
  unreachable: {
    short: "No way there",
    happened: "There is no way to the server from this network.",
    todo: "Check the network connection and the address.",
  },
  silent: {
    short: "No answer",
    happened: "It took the connection and then said nothing for 10 s.",
    todo: "Try again. If it stays silent, something between this computer and the server may swallow the answers.",
  },
  "not-xmpp": {
    short: "No XMPP server",
    happened: "Something answers there, but it is no XMPP server.",
    todo: "Check the server and the port: 443 and 80 are for web sites, 5222 is XMPP.",
  },
  "host-unknown": {
    short: "Wrong server",
    happened: "The server does not know the part of the account address after the @.",
    todo: "Check the account address, or the server under Advanced.",
  },
  "tls-not-offered": {
    short: "No encryption",
    happened: "The server offers no encryption, so we stopped. Your password has not left this computer.",
    todo: "Ask whoever runs the server to switch TLS on.",
  },
  "tls-failed": {
    short: "Encryption failed",
    happened: "The server and this computer could not agree on encryption.",
    todo: "Try again. If it stays so, the server may be too old, or something between changes the data.",
  },
  "certificate-unknown": {
    short: "Certificate not trusted",
    happened: "The server shows a certificate that nobody on this computer’s list has signed.",
    todo: "Choose the authority’s file, trust only this one, or don’t connect.",
  },
  "certificate-expired": {
    short: "Certificate out of date",
    happened: "The server’s certificate is past its time, or its time has not come.",
    todo: "Check this computer’s clock. If it is right, the server needs a new certificate.",
  },
  "certificate-wrong-name": {
    short: "Certificate for another name",
    happened: "The server’s certificate is for another name than your account’s.",
    todo: "Check the account address. If it is right, this is not its server, or its certificate is wrong.",
  },
  "certificate-changed": {
    short: "Another certificate",
    happened:
      "The server shows another certificate than the only one that you trust. Somebody may stand between you and it.",
    todo: "Nothing was sent. Ask whoever runs the server whether its certificate was changed, before you go on.",
  },
  "no-safe-mechanism": {
    short: "No safe sign-in",
    happened: "The server offers only sign-ins that give the password away, so we stopped.",
    todo: "Ask whoever runs the server to offer SCRAM-SHA-1 or SCRAM-SHA-256.",
  },
  "not-authorized": {
    short: "Could not sign in",
    happened: "The server does not take this name with this password.",
    todo: "Check both, and type the password again.",
  },
  "account-disabled": {
    short: "Account switched off",
    happened: "The account exists, but may not sign in now.",
    todo: "Ask whoever runs the server.",
  },
  "sign-in-weakened": {
    short: "Weaker sign-in",
    happened: "The server offers only a weaker way to sign in than the one it took before. Someone in between may have changed its list.",
    todo: "Don’t go on from this network. If the server’s operator confirms the change, check and save the account again.",
  },
  "server-not-proven": {
    short: "Server not proven",
    happened: "The server did not prove that it knows your password. Someone else may be answering in its place.",
    todo: "Don’t go on from this network. If it happens elsewhere too, ask whoever runs the server.",
  },
  "resource-changed": {
    short: "Place changed",
    happened: "The server gave this computer another place than the one it asked for, so we left.",
    todo: "Ask whoever runs the server to let programs choose their own resource.",
  },
  "resource-conflict": {
    short: "Place taken",
    happened: "Another program has this computer’s place.",
    todo: "Quit it, then sign in here. We don’t go back by ourselves: the two would throw each other out.",
  },
  "too-many-sessions": {
    short: "Too many sign-ins",
    happened: "The server ended this sign-in in favour of others: the account has as many as it may.",
    todo: "Have the limit raised (max_user_sessions), or sign another device out; then sign in here.",
  },
  "server-closed": {
    short: "Server hung up",
    happened: "The server ended the connection.",
    todo: "Wait a little, or try now.",
  },
  "connection-lost": {
    short: "Connection lost",
    happened: "The connection to the server broke.",
    todo: "Check the network. We try again by ourselves.",
  },
  "roster-refused": {
    short: "Contacts refused",
    happened: "The server does not tell the account’s contacts.",
    todo: "Ask whoever runs the server: without them, devices of others cannot be told apart.",
  },

  "address-invalid": {
    short: "Not an address",
    happened: "This is not the address and port of a device.",
    todo: "Write it as 192.168.7.20 or name.local, and the port as a number from 1 to 65535.",
  },
  "nothing-there": {
    short: "Nothing answered",
    happened: "Nothing at this address answered.",
    todo: "Check the address and the port, and that the device is on.",
  },
  "interface-unknown": {
    short: "No such network",
    happened: "The network to search is not there, or down.",
    todo: "Connect to it, or start Homeward without naming it.",
  },

  "device-unknown": {
    short: "Not known",
    happened: "This device is not known any more.",
    todo: "Go back, and look for it again.",
  },
  "not-reachable": {
    short: "Not reachable",
    happened: "No way leads to the device now.",
    todo: "Check that it is on, and on its network.",
  },
  "no-answer": {
    short: "No answer",
    happened: "The device did not answer. Nothing was changed.",
    todo: "Ask again.",
  },
  "outcome-unknown": {
    short: "Outcome unknown",
    happened: "It was sent, and no answer came: it may or may not have been done.",
    todo: "Look at the device, or ask again.",
  },
  "device-refused": {
    short: "Refused by the device",
    happened: "The device refused.",
    todo: "Its own words are under Details.",
  },
  "too-large": {
    short: "Too large",
    happened: "This is larger than one message to the device can be. It was not sent.",
    todo: "Send less at once.",
  },
  "bad-answer": {
    short: "Unreadable answer",
    happened: "The device’s answer could not be read.",
    todo: "Ask again. If it stays so, the device speaks otherwise than the standard says.",
  },
  "session-refused": {
    short: "No session",
    happened: "The device refused to open a session.",
    todo: "Wait a little, and ask again. It may be busy with another program.",
  },
  "cut-off": {
    short: "Sends too much",
    happened: "The device sends so much that we do not listen to it for a minute.",
    todo: "Wait a minute. If it stays so, restart the device: others are not held up by it.",
  },
  "request-invalid": {
    short: "Not a request",
    happened: "This is no path, or no JSON.",
    todo: "Correct it.",
  },
  "not-now": {
    short: "Not now",
    happened: "This cannot be done as things stand.",
    todo: "The details say why.",
  },
  cancelled: {
    short: "Stopped",
    happened: "It was stopped.",
    todo: "Begin again when you like.",
  },
  "password-not-changed": {
    short: "Password not changed",
    happened: "The server did not take the new password. The old one is still the account’s.",
    todo: "Change it where the account was made, and enter it here; or ask whoever runs the server.",
  },
  "old-password-works": {
    short: "Old password works",
    happened: "The password was changed, and your devices get it; but the server takes the old one still.",
    todo: "Ask whoever runs the server why.",
  },
  "password-unsure": {
    short: "Password unsure",
    happened: "The server was asked for the new password, and could not be reached since. One of the two is right.",
    todo: "Sign in with the new one, else with the old one, under Account.",
  },
  "account-not-deleted": {
    short: "Not deleted",
    happened: "The old account may be of use still: its server did not delete it, or could not be asked.",
    todo: "Finish without deleting it, or ask whoever runs the server.",
  },
  "account-not-made": {
    short: "No account made",
    happened: "The server did not make an account for this device alone.",
    todo: "Give it an account that you have at hand, or the one that all share; or ask whoever runs the server. Its own words are under Details.",
  },
  "other-server": {
    short: "Another server",
    happened: "Over its old account, a device can be given another account at the same server only.",
    todo: "Bring it to this network, or this computer to its network.",
  },
  "cut-short": {
    short: "Cut short",
    happened: "Homeward ended in the middle of it.",
    todo: "Finish it, or undo what was done.",
  },

  "no-remote-access": {
    short: "No remote access",
    happened: "The device has no remote access.",
    todo: "It can be reached only at home.",
  },
  "consent-needed": {
    short: "Needs your consent",
    happened: "The device has no secure channel, and you have not allowed the open one.",
    todo: "Allow it in the set-up, under Devices: only there is a device given its account.",
  },
  "secured-only": {
    short: "Secured only",
    happened: "The device takes an account only from its owner, over a secured session.",
    todo: "If it belongs to nobody, make it yours first; else its owner has to set it up.",
  },
  "not-owned": {
    short: "Not yours yet",
    happened: "The device takes an account only from its owner, and has none.",
    todo: "Make it yours first, under Devices.",
  },
  "owned-by-another": {
    short: "Somebody else’s",
    happened: "The device belongs to somebody else.",
    todo: "Its owner has to give it up in their app. Or reset it as its manual says; then it is nobody’s.",
  },
  "in-transfer": {
    short: "Being taken over",
    happened: "Somebody is making the device theirs at this moment.",
    todo: "If nobody does, it lets go by itself within ten minutes. Try again then.",
  },
  "method-not-offered": {
    short: "No way in",
    happened: "The device does not offer a way to make it yours that we know.",
    todo: "Its manual may say how it is brought into the state in which it can be taken over.",
  },
  "passphrase-weak": {
    short: "Passphrase too short",
    happened: "The passphrase is too short: whoever finds the file could try many.",
    todo: "Take twelve characters or more; several words are good.",
  },
  "passphrase-wrong": {
    short: "Passphrase wrong",
    happened: "The backup has another passphrase, or the file was changed.",
    todo: "Try again. Without it nobody can read the backup.",
  },
  "backup-invalid": {
    short: "No backup",
    happened: "This file is no backup of Homeward.",
    todo: "Choose the file that Homeward has written.",
  },
  "pin-wrong": {
    short: "PIN wrong",
    happened: "The PIN was wrong too often.",
    todo: "Begin anew: the device shows another one then.",
  },
  "device-not-proven": {
    short: "Not proven",
    happened: "What answers at the device’s address could not prove that it is the device. Nothing was asked of it.",
    todo: "Another device may claim its id. If yours was reset, it is nobody’s now: find it, and make it yours again.",
  },
  "key-missing": {
    short: "Key missing",
    happened: "The device is yours, and its key is not in this computer’s keyring.",
    todo: "Unlock the keyring. If the key is lost, reset the device as its manual says.",
  },
  "device-reports-error": {
    short: "Could not sign in",
    happened: "The device took the account, and reports that it cannot sign in.",
    todo: "Its own reason is under Details. Retry sends the account again.",
  },
  "not-seen-online": {
    short: "Not seen online",
    happened: "The device took the account, but the server has not seen it sign in.",
    todo: "Check that the device can reach the server from where it stands, then retry.",
  },
  "identity-mismatch": {
    short: "Another identity",
    happened: "What signed in under this device’s name says that it is another one.",
    todo: "Undo, and make sure that no other device pretends to be this one.",
  },
  "not-put-back": {
    short: "Not put back",
    happened: "What the device has could not be taken back, or what it had before could not be put back.",
    todo: "Retry, or set it in the device’s own app.",
  },

  "keyring-unavailable": {
    short: "Keyring closed",
    happened: "This computer’s keyring takes no password.",
    todo: "Unlock it, and enter the account again. Until then the password is in memory only.",
  },
  "store-failed": {
    short: "Folder unusable",
    happened: "Homeward’s own folder cannot be read or written.",
    todo: "Check the free space and the rights of the folder, then start Homeward again.",
  },
  internal: {
    short: "A fault of ours",
    happened: "Something in Homeward itself went wrong.",
    todo: "Try again. The details help whoever mends it.",
  },
};
