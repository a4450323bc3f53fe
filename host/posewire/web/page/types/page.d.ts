/** What views get, and what the page's small parts take. */
declare namespace Page {
  interface ViewProps {
    /** What follows the view in the address. */
    rest: string[];
    session: Host.Session;
    /** May who has signed in do that? */
    may: (need: string) => boolean;
    /** Can this host do that? */
    can: (ability: string) => boolean;
    /** Who has a link to one room only. */
    looker: boolean;
  }

  /** A column of a table; it is sorted by what `of` returns. */
  interface Column<Row> {
    name: string;
    of: (row: Row) => string | number | null | undefined;
    show?: (row: Row) => unknown;
    number?: boolean;
  }

  interface Outcome {
    text: string;
    bad: boolean;
  }

  type Run = (work: () => Promise<string | void>, meanwhile?: string) => Promise<void>;

  /** The values of a form by name, as `FormData` has them: of its text fields, selects and boxes. */
  type Values = Record<string, any>;

  /** For tests and the console: the scenes that are shown. */
  interface Shown {
    scene?: import("../scene/scene.js").Scene | null;
    player?: import("../scene/scene.js").Scene | null;
  }
}
