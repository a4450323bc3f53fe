/** What the page uses of htm with preact. */
type State<T> = [T, (next: T | ((before: T) => T)) => void];
export function html(strings: TemplateStringsArray, ...values: any[]): any;
export function render(what: any, where: Element): void;
export function useState<T>(first: T | (() => T)): State<T>;
export function useEffect(work: () => void | (() => void), inputs?: any[]): void;
/** A canvas, a plot: there from the first drawing on, so nobody asks whether it is. */
export function useRef(first: any): { current: any };
export function useMemo<T>(work: () => T, inputs: any[]): T;
export function useCallback<T extends (...args: any[]) => any>(work: T, inputs: any[]): T;
