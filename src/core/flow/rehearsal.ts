/**
 * Code that has not run yet is slow: V8 reads it when it is called, learns what it works on, and compiles it when that has
 * happened some times. So what the first events will go through is run this often before they come.
 */
export const REHEARSALS = 20;
