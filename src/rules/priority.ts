/** Priorities of rules, most severe first (syslog's levels). */

export const priorities = [
  'Emergency',
  'Alert',
  'Critical',
  'Error',
  'Warning',
  'Notice',
  'Informational',
  'Debug',
] as const;

export type Priority = (typeof priorities)[number];

/** Reads a priority without regard to case; `info` is short for Informational. Undefined when it is none. */
export function parsePriority(text: string): Priority | undefined {
  const name = text.toLowerCase() === 'info' ? 'informational' : text.toLowerCase();
  return priorities.find((priority) => priority.toLowerCase() === name);
}

/** Whether a priority is as severe as a limit, or more. */
export function isAtLeast(priority: Priority, limit: Priority): boolean {
  return priorities.indexOf(priority) <= priorities.indexOf(limit);
}
