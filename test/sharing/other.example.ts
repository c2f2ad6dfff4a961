/** The same test in another file. */
import './one.example.ts';
