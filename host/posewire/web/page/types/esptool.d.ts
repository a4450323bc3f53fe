/** What the page uses of esptool-js. */
export const ESPLoader: any;
export const Transport: any;
