/** What the page uses of uPlot. */
declare const uPlot: any;
export default uPlot;
