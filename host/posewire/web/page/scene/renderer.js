/** Draws round lines and dots in space, all of them in one call: WebGL 2, nothing else. */

const FLOATS = 11;

const VERTEX = `#version 300 es
uniform mat4 camera;
uniform vec2 viewport;
uniform float scale;
in vec2 corner;
in vec3 from, to;
in vec4 color;
in float width;
out vec4 shade;
out vec2 place;
out vec3 shape;
void main() {
  vec4 a = camera * vec4(from, 1.0), b = camera * vec4(to, 1.0);
  shade = color;
  if (a.w < 0.05 || b.w < 0.05) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); return; }
  vec2 pa = a.xy / a.w * viewport * 0.5, pb = b.xy / b.w * viewport * 0.5;
  float ra = max(width * scale / a.w, 0.7), rb = max(width * scale / b.w, 0.7);
  float len = distance(pa, pb);
  vec2 along = len > 0.01 ? (pb - pa) / len : vec2(1.0, 0.0);
  float r = max(ra, rb) + 1.0;
  float x = corner.x < 0.0 ? -r : len + r;
  place = vec2(x, corner.y * r);
  shape = vec3(len, ra, rb);
  vec2 pixel = pa + along * place.x + vec2(-along.y, along.x) * place.y;
  float depth = corner.x < 0.0 ? a.z / a.w : b.z / b.w;
  gl_Position = vec4(pixel / (viewport * 0.5), depth, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 shade;
in vec2 place;
in vec3 shape;
out vec4 result;
void main() {
  float at = shape.x > 0.01 ? clamp(place.x / shape.x, 0.0, 1.0) : 0.0;
  float radius = mix(shape.y, shape.z, at);
  float away = distance(place, vec2(at * shape.x, 0.0));
  float cover = clamp(radius - away + 0.5, 0.0, 1.0);
  if (cover <= 0.02) discard;
  // An edge that lets something through must not hide what is drawn behind it later.
  gl_FragDepth = cover < 0.99 || shade.a < 0.99 ? 1.0 : gl_FragCoord.z;
  float light = 1.0 - 0.35 * clamp(away / radius, 0.0, 1.0);
  result = vec4(shade.rgb * light, shade.a * cover);
}`;

export class Renderer {
  /** @type {Float32Array} */
  #data = new Float32Array(FLOATS * 1024);
  #count = 0;

  /** @param {HTMLCanvasElement} canvas throws where the browser has no WebGL 2 */
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: false, preserveDrawingBuffer: true });
    if (!gl) throw new Error("this browser has no WebGL 2");
    this.canvas = canvas;
    this.gl = gl;
    const program = link(gl);
    gl.useProgram(program);
    this.camera = gl.getUniformLocation(program, "camera");
    this.viewport = gl.getUniformLocation(program, "viewport");
    this.scale = gl.getUniformLocation(program, "scale");
    const corners = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, corners);
    gl.bufferData(gl.ARRAY_BUFFER, Float32Array.of(-1, -1, 1, -1, -1, 1, 1, 1), gl.STATIC_DRAW);
    const corner = gl.getAttribLocation(program, "corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    this.buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    let offset = 0;
    for (const [name, size] of /** @type {[string, number][]} */ ([
      ["from", 3],
      ["to", 3],
      ["color", 4],
      ["width", 1],
    ])) {
      const place = gl.getAttribLocation(program, name);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, size, gl.FLOAT, false, 4 * FLOATS, 4 * offset);
      gl.vertexAttribDivisor(place, 1);
      offset += size;
    }
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    gl.clearColor(0.063, 0.094, 0.106, 1);
  }

  /**
   * Add a line; a dot is a line to itself.
   * @param {import("./geometry.js").Vec} from
   * @param {import("./geometry.js").Vec} to
   * @param {readonly number[]} color red, green, blue, opacity: 0 to 1
   * @param {number} width its radius, in metres
   */
  line(from, to, color, width) {
    if (FLOATS * (this.#count + 1) > this.#data.length) {
      const larger = new Float32Array(2 * this.#data.length);
      larger.set(this.#data);
      this.#data = larger;
    }
    const at = FLOATS * this.#count++;
    this.#data.set(from, at);
    this.#data.set(to, at + 3);
    this.#data.set(color, at + 6);
    this.#data[at + 10] = width;
  }

  /**
   * Draw what was added, and begin anew.
   * @param {Float32Array} camera
   * @param {number} focal the projection's scale of y
   */
  draw(camera, focal) {
    const { gl, canvas } = this;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix4fv(this.camera, false, camera);
    gl.uniform2f(this.viewport, canvas.width, canvas.height);
    gl.uniform1f(this.scale, (focal * canvas.height) / 2);
    gl.bufferData(gl.ARRAY_BUFFER, this.#data.subarray(0, FLOATS * this.#count), gl.STREAM_DRAW);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, this.#count);
    this.#count = 0;
  }
}

/** @param {WebGL2RenderingContext} gl */
function link(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of /** @type {[number, string][]} */ ([
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) ?? "");
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return program;
}
