/** The versions that others depend on. */

/** The version of Falco's rule engine that rules may require (`required_engine_version`). */
export const engineVersion = '0.63.0';

/** The version of the form in which records are written; a new major cannot be read by an older program. */
export const recordSchemaVersion = '1.0';
