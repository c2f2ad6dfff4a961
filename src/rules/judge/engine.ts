/**
 * How conditions are judged: by functions made of closures, by generated ones, or by generated ones with the verdicts
 * kept that depend on a path or a process only. All give the same answers; closures are used where generation is
 * forbidden.
 */
export type Engine = 'closures' | 'generated' | 'cached';
