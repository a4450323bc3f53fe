/** Where a new board will find the host. */

/** Whether the page is looked at on the host's own machine: its address there is of no use to a board. */
export const LOCAL = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname);

/** The address that a host announces to its network, by its usual name. */
export const ANNOUNCED = "ws://posewire.local:8000/posewire/v1/";

/** This host's address for boards; where the page's own is of no use, the announced one. */
export const HOST_URL = LOCAL ? ANNOUNCED : new URL("/posewire/v1/", location.href.replace(/^http/, "ws")).href;
