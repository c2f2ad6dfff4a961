/** State of a module. */
let seen = 0;

export const look = (): number => ++seen;
