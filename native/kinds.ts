// Made from native/records.yaml by `node native/generate.ts`: do not edit.

/** The number of each kind of record. */
export const KIND = {
  fork: 1,
  exec: 2,
  exit: 3,
  open: 4,
  socket: 5,
  chdir: 6,
  call: 7,
  scan: 8,
  cgroup: 9,
} as const;
export type Kind = keyof typeof KIND;
/** By number of the kind, a bit each: whether it makes of its process another. */
export const CHANGES_PROCESS = 0b1101001110;
