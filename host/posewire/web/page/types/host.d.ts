/** What the host answers (docs/http-api.md): that part of it which the page uses. */
declare namespace Host {
  interface Session {
    authentication: boolean;
    scopes: string[];
    /** What this host can do that another may not: `compile`, `opus`, `pair`, `voice`. */
    can: string[];
    command: Command;
  }

  /** What a command of the host begins with on its machine, and ends with where it uses the host's settings. */
  interface Command {
    start: string;
    config: string;
  }

  interface Device {
    device: string;
    name: string;
    session: DeviceSession | null;
    /** Since when its connection is lost, in unix time. */
    lost: number | null;
    pairing: { scopes: string[]; paired: number; revoked: number | null } | null;
    report: Report | null;
    update: Update | null;
  }

  interface DeviceSession {
    id: string;
    board: string;
    firmware: string;
    updatable: boolean;
    room: string | null;
    audio: string;
    voice: string;
    tools: number;
    rtt_ms: number | null;
    level_db: number | null;
  }

  /** The newest telemetry: a board says only what it has parts for. */
  interface Report {
    age_s: number;
    uptime_ms?: number;
    heap_free?: number;
    heap_free_min?: number;
    idf_free?: number;
    idf_largest?: number;
    rssi?: number;
    battery?: number;
    round_trip_ms?: number;
    reconnects?: number;
    audio_dropped?: number;
    pose_dropped?: number;
    ssid?: string;
    reset_cause?: string;
    left_out?: string;
    crash: string | null;
  }

  interface Update {
    stage: "asking" | "building" | "sending" | "restarting" | "done" | "rolled_back" | "failed";
    version: string;
    running: string;
    done: number;
    total: number;
    code: string;
    message: string;
  }

  interface Waiting {
    code: string;
    device: string;
    board: string;
    address: string;
  }

  interface Tool {
    name: string;
    description: string;
    inputSchema?: { properties?: Record<string, ToolValue> };
  }

  interface ToolValue {
    type?: string;
    minimum?: number;
    default?: unknown;
    enum?: unknown[];
  }

  interface Turn {
    id: string;
    at: number;
    heard: string | null;
    calls: { tool: string; arguments: string; result: string | null; ms: number | null; failed?: boolean }[];
    said: string[];
    outcome: string | null;
    /** The ms of each. */
    stages: Record<string, number>;
    over_budget: string;
    /** The parts whose sound is kept. */
    sound: ("heard" | "said")[];
  }

  interface Room {
    room: string;
    locked: boolean;
    members: RoomMember[];
  }

  interface RoomMember {
    member_id: number;
    device: string;
    /** The name that somebody gave the device, or nothing. */
    name: string;
    publish: string[];
    rates: Record<string, { fps: number; kbit_s: number }>;
    dropped: { pose: number; audio: number };
  }

  interface Recordings {
    available: boolean;
    formats: string[];
    recordings: Recording[];
    players: { number: number; file: string; room: string }[];
    exports: { file: string; format: string; percent: number }[];
    failed: string;
  }

  interface Recording {
    number: number;
    file: string;
    room: string;
    began: number;
    seconds: number | null;
    pose: number;
    members: string[];
    bytes: number;
    running: boolean;
  }

  /** A kind of board. */
  interface BoardKind {
    name: string;
    title: string;
    chip: string;
    chip_id: number;
    profile: string;
    image: string;
    image_url: string;
    offset: number;
  }

  interface Boards {
    boards: BoardKind[];
    profiles: string[];
    look: string;
    images: string[];
  }

  interface Configuration {
    path: string | null;
    text?: string;
    stamp?: string;
    editable?: boolean;
    why?: string;
    code?: string;
    sections: Section[];
  }

  interface Section {
    name: string;
    off: boolean;
    settings: { name: string; value: unknown; source: "file" | "default" | "elsewhere"; live: boolean }[];
  }
}
