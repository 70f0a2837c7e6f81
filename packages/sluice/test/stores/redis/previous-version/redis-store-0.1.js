// The Redis store of sluice 0.1, built from its sources with rolldown and not edited since.
import{createHash as e}from"node:crypto";import{setImmediate as t}from"node:timers";import{setTimeout as n}from"node:timers/promises";function r(e,t){let n=o(e),r=Math.min(3,Math.floor(n.length/3)),i,a=r+1;for(let e of t){let t=s(n,o(e),r);t<a&&(a=t,i=e)}return i}function i(e,t){let n=r(e,t);return n===void 0?``:`; did you mean '${n}'?`}function a(e,t,n){let r=i(e,t);return r===``?`; ${n}`:`${r} ${n.charAt(0).toUpperCase()}${n.slice(1)}`}function o(e){return e.replaceAll(/[_\s-]/g,``).toLowerCase()}function s(e,t,n){if(Math.abs(e.length-t.length)>n)return n+1;let r=[],i=Array.from({length:t.length+1},(e,t)=>t);for(let n=1;n<=e.length;n++){let a=[n];for(let o=1;o<=t.length;o++){let s=e[n-1]===t[o-1],l=Math.min(c(i,o)+1,c(a,o-1)+1,c(i,o-1)+ +!s);e[n-1]===t[o-2]&&e[n-2]===t[o-1]&&(l=Math.min(l,c(r,o-2)+1)),a.push(l)}r=i,i=a}return c(i,t.length)}function c(e,t){return e[t]??1/0}const l=Symbol.for(`sluice.OptionError`);var u=class extends TypeError{path;code;reason;constructor(e,t,n=`invalid`){super(t),this.path=e,this.code=n,this.reason=t}},d=class extends RangeError{path;code=`invalid`;reason;constructor(e,t){super(t),this.path=e,this.reason=t}};function f(e,t,n){let r=a(t,n,`its options are ${n.join(`, `)}`);return new u([t],`${e} has no option '${t}'${r}`,`unknown_option`)}function p(e){Object.defineProperty(e.prototype,l,{value:!0})}p(u),p(d);const ee={now:()=>performance.now(),wallTime:()=>Date.now()},te=Uint16Array.from({length:256},(e,t)=>{let n=t<<8;for(let e=0;e<8;e++)n=n&32768?n<<1^4129:n<<1;return n});function ne(e){let t=e.indexOf(`{`),n=t<0?-1:e.indexOf(`}`,t+1),r=n>t+1?e.slice(t+1,n):e,i=0;for(let e of Buffer.from(r))i=(i<<8^te[i>>>8^e])&65535;return i%16384}var re=class{client;outcomes;#e;constructor(e,t){this.client=e,this.outcomes=t}ended(){return this.#e??=new Promise(e=>{let{client:t,outcomes:n}=this,r=()=>{for(let e of n)t.off(e,r);this.#e=void 0,e()};for(let e of n)t.once(e,r)}),this.#e}},ie=class{cluster;keyPrefix;#e;#t;#n;#r;#i=/* @__PURE__ */ new Map;constructor(e,t){this.#e=e,this.#r=t,this.cluster=e.isCluster,this.keyPrefix=m(e.options),this.#t={evalsha:e.createBuiltinCommand(`evalsha`).buffer,eval:e.createBuiltinCommand(`eval`).buffer},oe(e.options)||(this.#n=new re(e,[`ready`,`close`,`end`]))}run(e,t,n,r){let i=[t,String(n.length),...n,...r],a=this.#s();return a===void 0?this.#a(e,n,i):a.then(()=>this.#a(e,n,i))}#a(e,t,n){return this.cluster?new Promise((r,i)=>{let a=this.#c(t[0]),o={command:e,args:n,resolve:r,reject:i},s=this.#i.get(a);s===void 0?(this.#i.set(a,[o]),process.nextTick(()=>this.#l(a))):s.push(o)}):this.#o(e,n)}reconnect(){!this.cluster&&this.#e.status===`ready`&&this.#e.disconnect(!0)}async close(){this.#r&&this.#e.disconnect()}#o(e,t){return this.#t[e].apply(this.#e,[...t])}#s(){let{status:e}=this.#e;if(this.#n===void 0||![`wait`,`connecting`,`connect`].includes(e))return;let t=this.#n.ended();return e===`wait`&&this.#e.connect().catch(()=>{}),t}#c(e){let t=ne(this.keyPrefix+e);return this.#e.slots?.[t]?.join()??``}#l(e){let t=this.#i.get(e)??[];if(this.#i.delete(e),t.length===1||e===``)for(let e of t)this.#u(e);else this.#d(t)}#u({command:e,args:t,resolve:n,reject:r}){this.#o(e,t).then(n,r)}#d(e){let t=this.#e.pipeline();for(let{command:n,args:r}of e)t.callBuffer(n,...r);t.exec().then(t=>{e.forEach((e,n)=>{let[r,i]=t?.[n]??[/* @__PURE__ */ Error(`the pipeline returned no reply`),void 0];r===null?e.resolve(i):ae(r)?this.#u(e):e.reject(r)})},t=>{for(let n of e)n.reject(t)})}};function ae(e){return/^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /.test(e.message)}function oe(e){return e.enableOfflineQueue!==!1}function m(e){return typeof e.keyPrefix==`string`?e.keyPrefix:e.redisOptions===void 0?``:m(e.redisOptions)}var se=class{cluster;keyPrefix;#e;#t;#n;#r=!1;constructor(e){this.cluster=`masters`in e,this.keyPrefix=`_keyPrefix`in e&&typeof e._keyPrefix==`string`?e._keyPrefix:``,this.#e=e,this.#t=`withTypeMapping`in e?ce(e):le(e,this.cluster),ue(e.options)||(this.#n=new re(e,[`ready`,`reconnecting`,`end`]))}async run(...e){let{isOpen:t,isReady:n}=this.#e;if(t===!1)throw Error(`the node-redis client is not connected; await client.connect() before the first request`);return n===!0?this.#r=!0:!this.#r&&n===!1&&await this.#n?.ended(),this.#t(...e)}async close(){}};function ce(e){let t=e.withTypeMapping({36:Buffer});return(e,n,r,i)=>{let a={keys:[...r],arguments:[...i]};return e===`eval`?t.eval(n,a):t.evalSha(n,a)}}const h={returnBuffers:!0};function le(e,t){if(!(`connect`in e&&`sendCommand`in e&&typeof e.sendCommand==`function`))throw new u([`client`],`'client' is a legacy client; pass the node-redis client from which it was created`);let n=`options`in e&&e.options?.legacyMode===!0?e.v4:e;return(e,r,i,a)=>{let o=[e,r,String(i.length),...i,...a];return t?n.sendCommand(i[0],!1,o,h):n.sendCommand(o,h)}}function ue(e){return e?.disableOfflineQueue!==!0}const g={maxRetriesPerRequest:0,connectTimeout:700,socketTimeout:2500,disconnectTimeout:200,retryStrategy:_,reconnectOnError:e=>e.message.startsWith(`READONLY `)};var de=class{address;cluster;keyPrefix=``;#e;#t;#n=!1;#r;constructor(e){this.address=e,this.cluster=e.kind===`cluster`}run(...e){return(this.#e?.run(...e)??this.#i().then(t=>t.run(...e))).catch(e=>{throw this.#a(e)})}reconnect(){this.#e?.reconnect?.()}async close(){this.#n=!0,await(await this.#t?.catch(()=>void 0))?.close()}#i(){return this.#n?Promise.reject(/* @__PURE__ */ Error(`the Redis store is closed`)):(this.#t??=fe(this.address,e=>{this.#r=e}).then(e=>(this.#e=new ie(e,!0),this.#e)),this.#t)}#a(e){return!(e instanceof Error&&e.name===`MaxRetriesPerRequestError`)||this.#r===void 0?e:Error(`not connected: ${this.#r.message}`,{cause:e})}};async function fe({kind:e,tls:t,username:n,password:r,nodes:i,name:a,db:o},s){let{Cluster:c,Redis:l}=await me(),u={...n!==void 0&&{username:n},...r!==void 0&&{password:r},...t&&{tls:{}}},d=f();return d.on(`error`,s),d;function f(){if(e===`cluster`)return new c([...i],{redisOptions:{...g,...u},clusterRetryStrategy:_,slotsRefreshTimeout:700,retryDelayOnFailover:0});if(e===`sentinel`){let e={sentinels:[...i],name:a,sentinelRetryStrategy:_,enableTLSForSentinelMode:t};return pe(new l({...g,...u,...e,db:o}))}let[n]=i;return pe(new l({...g,...u,...n,db:o}))}}function pe(e){let t;e.on(`connect`,()=>{t=setTimeout(()=>e.disconnect(!0),700)});for(let n of[`ready`,`close`])e.on(n,()=>clearTimeout(t));return e}async function me(){try{return await import(`ioredis`)}catch(e){throw Error(`a Redis store from a URL needs the package 'ioredis'; run: npm install ioredis`,{cause:e})}}function _(e){return Math.min(25*e,200)}const he=/\p{Surrogate}/u;function v(t,n,r){let i=`${n.length}:${n}:${r}`;return i.length>200||he.test(i)?`${t}#${e(`sha256`).update(i,`utf16le`).digest(`base64url`)}`:t+i.replace(/[%{]/g,e=>e===`%`?`%25`:`%7B`)}function ge(e,t){let n=`${t.length}:${t}:`;if(!ve(n))return n=>v(e,t,n);let r=e+n,i=200-n.length;return n=>n.length<=i&&ve(n)?r+n:v(e,t,n)}let _e=``;function ve(e){if(e===_e)return!0;for(let t=0;t<e.length;t++){let n=e.charCodeAt(t);if(n>126||n===37||n===123)return!1}return _e=e,!0}function ye(e){if(typeof e!=`string`)throw new u([`prefix`],`'prefix' must be a string, not ${String(e)}`);if(e.length>200||he.test(e))throw new d([`prefix`],`'prefix' must be well-formed Unicode of at most 200 characters`);let t=e.indexOf(`{`);if(t>=0&&e.indexOf(`}`,t)<=t+1)throw new d([`prefix`],`a '{' in the prefix needs a '}' with characters in between, as in '{sluice}:'`);return e}function y({enforce:e}){return e!==!1}function be(e,t){return!t.allowed&&y(e)}function b(e,t){return t.every(({allowed:t},n)=>t||e[n]?.enforce===!1)}const x=36e5,S=24*x,xe=/* @__PURE__ */ new Map([[x,`hour`],[S,`day`],[7*S,`week`],[30*S,`month`],[365*S,`year`]]);function C(e,t,n=`UTC`){let r=`${n} ${t}`,i=Se.get(r);if(i!==void 0&&i.start<=e&&e<i.end)return i;let a=xe.get(t);if(a===void 0)throw RangeError(`no calendar unit lasts ${t} ms`);let o=Ce(e,a,n);return Se.set(r,o),o}const Se=/* @__PURE__ */ new Map;function Ce(e,t,n){if(t===`hour`)return we(Math.floor(e),n);let r=new Date(e+O(e,n)),[i,a,o]=[r.getUTCFullYear(),r.getUTCMonth(),r.getUTCDate()],s=(r.getUTCDay()+6)%7,[c,l]={day:[Date.UTC(i,a,o),Date.UTC(i,a,o+1)],week:[Date.UTC(i,a,o-s),Date.UTC(i,a,o-s+7)],month:[Date.UTC(i,a,1),Date.UTC(i,a+1,1)],year:[Date.UTC(i,0,1),Date.UTC(i+1,0,1)]}[t];return{start:D(c,n),end:D(l,n)}}function we(e,t){let n=T(e,t);for(let e=n;e=T(e.start-1,t),w(e);)n=e;let{start:r,end:i}=n;for(;w({start:r,end:i})||i<=e;)w({start:r,end:i})||(r=i),i=T(i,t).end;return{start:r,end:i}}function w({start:e,end:t}){return t-e<x}function T(e,t){let n=O(e,t),r=Math.floor((e+n)/x)*x-n;return{start:Te(r,e,n,t),end:Ee(r+x,e,n,t)}}function Te(e,t,n,r){if(O(e,r)===n)return e;let i=E(e,t,e=>O(e,r)===n),a=O(i-1,r);return Math.floor((i-1+a)/x)!==Math.floor((i+n)/x)||(i+n)%x==0?i:Math.floor((i-1+a)/x)*x-a}function Ee(e,t,n,r){if(O(e-1,r)===n){let t=O(e,r);return Math.floor((e+t)/x)!==Math.floor((e-1+n)/x)||(e+t)%x==0?e:Math.ceil((e+t)/x)*x-t}let i=E(t,e-1,e=>O(e,r)!==n),a=O(i,r);return Math.floor((i+a)/x)!==Math.floor((i-1+n)/x)||(i+a)%x==0?i:Math.ceil((i+a)/x)*x-a}function E(e,t,n){let[r,i]=[e,t];for(;i-r>1;){let e=Math.floor((r+i)/2);n(e)?i=e:r=e}return i}function D(e,t){let n=e-O(e-S,t),r=e-O(e+S,t),i=[n,r].sort((e,t)=>e-t);for(let n of i)if(n+O(n,t)>=e)return De(e,n,t);return Math.max(n,r)}function De(e,t,n){return t+O(t,n)===e?t:E(t-S,t,t=>t+O(t,n)>=e)}function O(e,t){if(t===`UTC`)return 0;let n=Math.floor(e/1e3)*1e3,r={};for(let e of Oe(t).formatToParts(n))r[e.type]=Number(e.value);let{year:i=0,month:a=1,day:o=1,hour:s=0,minute:c=0,second:l=0}=r;return Date.UTC(i,a-1,o,s,c,l)-n}const k=/* @__PURE__ */ new Map;function Oe(e){let t=k.get(e);return t===void 0&&(t=new Intl.DateTimeFormat(`en-US`,{timeZone:e,calendar:`gregory`,hourCycle:`h23`,year:`numeric`,month:`numeric`,day:`numeric`,hour:`numeric`,minute:`numeric`,second:`numeric`}),k.set(e,t)),t}function ke(e){return e.algorithm===`token-bucket`?e.burst:e.limit}function Ae(e){return e.algorithm===`fixed-window`&&e.align===`calendar`}function je(e,t){return e===t?!0:e.algorithm!==t.algorithm||e.limit!==t.limit?!1:e.algorithm===`concurrency`?e.lease===t.lease:e.period===t.period?e.algorithm===`token-bucket`?e.burst===t.burst:e.algorithm!==`fixed-window`||Me(e,t):!1}function Me(e,t){return(e.align??`first-request`)===(t.align??`first-request`)&&(e.timeZone??`UTC`)===(t.timeZone??`UTC`)}function Ne(e,t){if(typeof t!=`number`)throw TypeError(`a cost must be a number, not ${Pe(t)}`);if(!Number.isFinite(t)||t<0)throw RangeError(`a cost must be finite and not negative, not ${t}`);if(e.algorithm!==`token-bucket`&&!Number.isInteger(t))throw RangeError(`a ${e.algorithm} limit counts whole units, not ${t}; round the cost, or use a token-bucket`)}function Pe(e){return typeof e==`string`?`'${e.slice(0,60)}'`:String(e)}function A({limit:e,cost:t,lease:n}){if(Ne(e,t),e.algorithm===`concurrency`&&n===void 0)throw TypeError(`a charge to a concurrency limit needs a lease that holds the slots`)}function Fe(e,t,n){let{at:r,resetAfter:i,overflow:a,degraded:o}=t;return{charge:e,taken:{cost:e.cost,at:r,resetAfter:i,lease:e.lease,...a&&{overflow:a},...o&&{degraded:o}},cost:n}}function Ie(e,t){return e.flatMap((e,n)=>{let r=t[n];return!r?.allowed||e.cost===0?[]:[Fe(e,r,0)]})}var j=class extends Error{name=`StoreRequestError`},Le=class{prefix;names=[];length=0;#e=/* @__PURE__ */ new Map;#t=/* @__PURE__ */ new Map;constructor(e){this.prefix=e}positionOf(e,t){let n=this.#e.get(t);for(let t=n;t!==void 0;t=t.next){let n=t.scopes.indexOf(e);if(n>=0)return t.first+n}return this.#n([e],t,n)}firstPositionOf(e,t){let n=this.#e.get(t);if(n===void 0)return Re(e)?this.#n(e,t,void 0):0;for(let t=n;t!==void 0;t=t.next)if(t.scopes===e)return t.first;return 0}#n(e,t,n){let r=this.names.length+1;for(let n of e){let e=this.#r(n)(t);this.length+=e.length,this.names.push(e)}return this.#e.set(t,{scopes:e,first:r,next:n}),r}#r(e){let t=this.#t.get(e);return t===void 0&&(t=ge(this.prefix,e),this.#t.set(e,t)),t}};function Re(e){return e.every((t,n)=>e.indexOf(t)===n)}var ze=class{limits=[];rows=[];#e=/* @__PURE__ */ new Map;#t=[];of(e){let t;for(let n of this.#t)if(n.scopes.length===e.length&&Be(n.charges,e)){if(Ve(n.charges,e))return n;t=n.scopes}let n=e.flatMap(e=>[this.#n(e.limit),e.cost,Number(y(e))]),r=this.rows.push(n),i={position:r,charges:e,scopes:t??e.map(({scope:e})=>e)};return this.#t[(r-1)%8]=i,i}#n(e){let t=this.#e.get(e);return t===void 0&&(t=this.limits.push(e),this.#e.set(e,t)),t}};function Be(e,t){for(let n=0;n<e.length;n++)if(e[n]?.scope!==t[n]?.scope)return!1;return!0}function Ve(e,t){for(let n=0;n<e.length;n++){let[r,i]=[e[n],t[n]];if(r.limit!==i.limit||r.cost!==i.cost||y(r)!==y(i))return!1}return!0}const M={take:1,peek:2,settle:3,reset:4},He={"token-bucket":`t`,"fixed-window":`f`,"sliding-window":`w`,"sliding-log":`l`,concurrency:`n`};function Ue(e,t){return{letter:He[e.algorithm],limit:e.limit,period:e.algorithm===`concurrency`?e.lease:e.period,burst:e.algorithm===`token-bucket`?e.burst:0,zone:t===void 0?``:N(e),windows:t}}function N(e){return e.algorithm===`fixed-window`&&e.timeZone||`UTC`}const We={"sliding-log":4,concurrency:8};var Ge=class{jobs=[];#e;#t=new ze;#n=[];#r=[];#i=0;#a=0;constructor(e){this.#e=new Le(e)}get keys(){return this.#e.names}hasRoomFor(e){return this.#i+P(e)<=128&&this.#e.length+this.#a<32768}add(e){if(this.jobs.push(e),this.#i+=P(e),e.operation===`reset`){let[{scope:t,key:n}]=e.charges;this.#n.push(M.reset,this.#e.positionOf(t,n));return}let{charges:t}=e,n=this.#t.of(t),r=this.#o(t,n);if(this.#n.push(M[e.operation],n.position,r),r===0)for(let{scope:e,key:n}of t)this.#n.push(this.#e.positionOf(e,n));for(let e of t)this.#s(e);if(`taken`in e)for(let{cost:t,at:n,resetAfter:r}of e.taken)this.#n.push(F(t),F(n),F(r))}args(e,t){let{limits:n,rows:r}=this.#t,i=n.map(e=>Ue(e,t(e)));return[e,JSON.stringify([i,r,this.#n]),...this.#r]}#o(e,{scopes:t}){let[{scope:n,key:r}]=e;if(e.length===1)return this.#e.positionOf(n,r);for(let t of e)if(t.key!==r)return 0;return this.#e.firstPositionOf(t,r)}#s({limit:e,lease:t=``}){e.algorithm===`concurrency`&&(this.#r.push(t===``?``:`=${t}`),this.#a+=t.length)}};function P(e){if(e.operation===`reset`)return 1;let t=0;for(let{limit:n}of e.charges)t+=We[n.algorithm]??1;return t}function F(e){return Math.max(-Number.MAX_VALUE,Math.min(e,Number.MAX_VALUE))}function I(e,t,n,r){return new Ke(!0,e,t,n,0,r)}function L(e,t,n,r,i){return new Ke(!1,e,t,n,i,r)}var Ke=class{allowed;at;remaining;resetAfter;retryAfter;moreAfter;constructor(e,t,n,r,i,a){this.allowed=e,this.at=t,this.remaining=n,this.resetAfter=r,this.retryAfter=i,this.moreAfter=a}};function R(e,t){return e<=qe(t)}function qe(e){return e+Math.min(e*1e-12,.25)}function z(e,t){let n=t-e;return Math.max(0,Math.floor(n+Math.min(n*1e-12+1e-9,.25)))}const B={fresh(e,t){return V(e,t,0)},advance(e,t,n){return n>=t.end||t.count===0&&e.align!==`calendar`?B.fresh(e,n):n>=t.start||e.align===`calendar`&&t.start-n<=6e4?{at:n,start:t.start,end:t.end,count:t.count}:V(e,n,t.count)},judge(e,{at:t,end:n,count:r},i){let a=r+i;if(i===0||R(a,e.limit)){let r=a>0?n-t:0;return I(t,z(a,e.limit),r,r)}let o=r>0?n-t:0,s=i>e.limit?1/0:n-t;return L(t,z(r,e.limit),o,o,s)},take(e,{at:t,start:n,end:r,count:i},a){return{at:t,start:n,end:r,count:i+a}},settle(e,t,n,r){let i=r-n.cost,a=n.at>=t.start;return i<0&&!a?t:{...t,count:Math.max(0,t.count+i)}},usage(e,{at:t,start:n,end:r,count:i},a){if(!(i===0||a>=r))return{units:i,sinceAge:Math.max(0,a-n),lastAge:Math.max(0,a-t)}},withUsage(e,t,n){if(e.align===`calendar`){let r=V(e,t,n.units);return t-n.lastAge>=r.start?r:{...r,count:0}}let r=t-Je(e.period,n);return t-r>=e.period?B.fresh(e,t):{at:t,start:r,end:r+e.period,count:n.units}},idleAfter(e,t){return t.count===0?0:Math.max(0,t.end-t.at)}};function Je(e,{sinceAge:t,lastAge:n}){return t-n<e?t:n}function V(e,t,n){if(e.align!==`calendar`)return{at:t,start:t,end:t+e.period,count:n};let{start:r,end:i}=C(t,e.period,e.timeZone);return{at:t,start:r,end:i,count:n}}const H={fresh(e,t){return{at:t,start:t,previous:0,current:0}},advance({period:e},t,n){let{start:r,previous:i,current:a}=t;if(i===0&&a===0||n<r)return{at:n,start:n,previous:i,current:a};let o=Math.floor((n-r)/e);return o===0?{at:n,start:r,previous:i,current:a}:o===1&&a>0?{at:n,start:r+e,previous:a,current:0}:{at:n,start:n,previous:0,current:0}},judge(e,t,n){let r=H.take(e,t,n,``);return n===0||R(U(e,r),e.limit)?Ye(e,r,0):Ye(e,t,n)},take(e,{at:t,start:n,previous:r,current:i},a){return{at:t,start:n,previous:r,current:i+a}},settle(e,t,n,r){let i=r-n.cost;return i>=0||n.at>=t.start?{...t,current:Math.max(0,t.current+i)}:n.at>=t.start-e.period?{...t,previous:Math.max(0,t.previous+i)}:t},usage(e,t,n){let r=H.advance(e,t,n),i=U(e,r);if(i>0)return{units:i,sinceAge:n-(r.previous>0?r.start-e.period:r.start),lastAge:Math.max(0,n-t.at)}},withUsage(e,t,n){let r=t-Je(e.period,n);return H.advance(e,{at:r,start:r,previous:0,current:n.units},t)},idleAfter(e,t){return t.current>0?t.start+2*e.period-t.at:t.previous>0?t.start+e.period-t.at:0}};function U(e,{at:t,start:n,previous:r,current:i}){return r*(1-(t-n)/e.period)+i}function Ye(e,t,n){let r=z(U(e,t),e.limit),i=H.idleAfter(e,t),a={...t,current:t.current+r},o=i>0?Xe(e,a,1):0;return n===0?I(t.at,r,i,o):L(t.at,r,i,o,Xe(e,t,n))}function Xe(e,t,n){if(n>e.limit)return 1/0;let{at:r,start:i,previous:a,current:o}=t,s=e.limit-n;if(o<=s){let t=a===0?0:e.period*(1-(s-o)/a);return Math.max(0,i+t-r)}return i+e.period+e.period*(1-s/o)-r}const W={fresh(e,t){return{at:t,level:0}},advance(e,{at:t,level:n},r,i=e){let[a,o]=[Qe(e),Qe(i)],s={at:r,level:G(a>o&&r>=t?e:i,t,n,r)};return o>a?{...s,fasterRate:o}:s},judge(e,{at:t,level:n,fasterRate:r},i){let a=n+i;if(i>0&&Ze(e,a))return I(t,q(e,a),K(e,a),$e(e,a));let o=K(e,n,r),s=$e(e,n,r);if(i===0)return I(t,q(e,n),o,s);let c=a-e.burst,l=Ze(e,i)?K(e,c,r):1/0;return L(t,q(e,n),o,s,l)},take(e,t,n){return{at:t.at,level:t.level+n}},settle(e,t,n,r){let i=Math.max(0,(n.at+n.resetAfter-t.at)*e.limit/e.period),a=Math.max(r-n.cost,-i);return{at:t.at,level:Math.max(0,t.level+a)}},usage(e,t,n){let r=G(e,t.at,t.level,n),i=Math.max(0,n-t.at);return r>0?{units:r,sinceAge:i,lastAge:i}:void 0},withUsage(e,t,{units:n,lastAge:r}){return{at:t,level:G(e,t-r,Math.min(n,e.burst),t)}},idleAfter(e,t){return K(e,t.level)}};function G(e,t,n,r){if(n===0)return 0;let i=(r-t)*e.limit/e.period;return i>=0?Math.max(0,n-i):Math.max(n,Math.min(e.burst,n-i))}function Ze(e,t){return R(t,e.burst)}function Qe({limit:e,period:t}){return e/t}function K(e,t,n){return n===void 0?t*e.period/e.limit:t/n}function q(e,t){return z(t,e.burst)}function $e(e,t,n){if(t===0)return 0;let r=t+q(e,t)+1-e.burst;return Math.max(0,K(e,r,n))}const et={"token-bucket":1,"fixed-window":4,"sliding-window":4,"sliding-log":4,concurrency:4};var J=class{limit;at;bytes;offset;fasterRate;constructor(e,t,n,r,i){this.limit=e,this.at=t,this.bytes=n,this.offset=r,this.fasterRate=i}static sizeOf({algorithm:e}){return 8+8*et[e]}verdict(){return this.#e(this.#r(0))}untakenVerdict(){let e=this.verdict();return e.allowed?this.#e(0):e}#e(e){let{limit:t}=this,n=this.#r(1);if(t.algorithm===`token-bucket`)return W.judge(t,this.#t(n),e);let[r,i,a]=[this.#r(2),this.#r(3),this.#r(4)];return t.algorithm===`fixed-window`?B.judge(t,{at:n,start:r,end:i,count:a},e):t.algorithm===`sliding-window`?H.judge(t,{at:n,start:r,previous:i,current:a},e):this.#n(e,n,r,i,a)}#t(e){let{at:t,fasterRate:n}=this;return n>0?{at:t,level:e,fasterRate:n}:{at:t,level:e}}#n(e,t,n,r,i){let{limit:a,at:o}=this;if(e>0&&!R(t+e,a.limit))return L(o,z(t,a.limit),n,r,i);let s=a.algorithm===`concurrency`?a.lease:a.period,c=e>0?s:n;return I(o,z(t+e,a.limit),c,t>0?r:c)}#r(e){return this.bytes.readDoubleBE(this.offset+8*e)}};function tt(e,t){let[n,...r]=Array.isArray(e)?e:[];if(!Buffer.isBuffer(n)||n.length<8)throw Error(`the script returned no result`);let i=n.readDoubleBE(0),a=8,o=0,s=t.map(e=>{let t=n[a++];if(t===2)return`window`;if(t!==1&&t!==4)return new j(String(r[o++]??`the script returned no result for the job`));if(e.operation!==`take`&&e.operation!==`peek`)return[];let s=e.charges.reduce((e,{limit:t})=>e+J.sizeOf(t),a),c=t===4&&s+8*e.charges.length<=n.length,l=e.charges.map(({limit:e})=>{let t=c?n.readDoubleBE(s):0;s+=8;let r=new J(e,i,n,a,t);return a+=J.sizeOf(e),r});return t===4&&(a=s),l});if(a!==n.length)throw Error(`the script returned no result for these jobs: ${n.length} bytes, expected ${a}`);return{at:i,outcomes:s}}const nt=`-- Shared by all parts: the time, the arithmetic of verdicts, and the algorithms by letter.
--
-- Each algorithm's part registers a constructor in \`define\` whose functions have the names of
-- \`algorithms/algorithm.ts\`; algorithms that a call does not need are never constructed. Times are
-- milliseconds, and \`now\` is the one time of the whole call. The arithmetic repeats that of
-- TypeScript operation by operation: both use IEEE doubles, so both get the same numbers. States
-- are changed in place.
--
-- The script only decides: \`fits\` tells whether a cost may be taken, and \`facts\` are the numbers
-- from which the client computes the rest of a verdict (\`script-result.ts\`). Computing it here
-- would take a third more time.

local KEYS, ARGV = KEYS, ARGV
local given = ARGV[1]
local call, pack, unpackFrom, format, sub = redis.call, struct.pack, struct.unpack, string.format, string.sub
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min
local INF = math.huge

-- Encoding of a limit: format version, letter, limit, period, burst, and the length of the zone
-- that follows.
local VERSION = 2
local HEAD = '>Bc1dddB'

local define = {}
local A = setmetatable({}, { __index = function(made, letter)
  made[letter] = define[letter]()
  return made[letter]
end })

-- A time in ARGV is that of a test. Keys written under it live somewhat longer, because that time
-- may stand still.
local now, slack
if given == '' then
  local time = call('TIME')
  now, slack = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000, 1000
else
  now, slack = tonumber(given), 3000
end

-- Not the shortest representation, but an exact one.
local function text(number)
  return format('%.17g', number)
end

-- Returns a capacity plus the rounding error that sums of fractions may have.
local function mostOf(capacity)
  return capacity + min(capacity * 1e-12, 0.25)
end

local function isWithin(used, capacity)
  return used <= mostOf(capacity)
end

-- Returns the age of the window that contains usage counted another way
-- (\`algorithms/fixed-window.ts\`).
local function ageOfWindow(period, usage)
  return usage.sinceAge - usage.lastAge < period and usage.sinceAge or usage.lastAge
end

-- Packs the facts of a log or of leases: the units in use, and the times until none are in use,
-- until one fewer is, and until a cost that does not fit would.
local function packFacts(used, idleAfter, untilOneLess, wait)
  return pack('>dddd', used, idleAfter, untilOneLess, wait)
end

-- Token bucket (\`algorithms/token-bucket.ts\`): the level of the bucket at a time.

define.t = function()
  local function timeFor(limit, units)
    return (units * limit.period) / limit.limit
  end

  local function levelNow(limit, state)
    local drained = ((now - state.at) * limit.limit) / limit.period
    local level = state.level - drained
    if drained < 0 then level = max(state.level, min(limit.burst, level)) end
    return level > 0 and level or 0
  end

  return {
    kind = 'string',
    size = 16,

    fresh = function()
      return { at = now, level = 0 }
    end,

    -- Returns a new table, so that a peek changes nothing.
    advance = function(limit, state, kept)
      local rate, keptRate = limit.limit / limit.period, kept.limit / kept.period
      local draining = rate > keptRate and now >= state.at and limit or kept
      return {
        at = now,
        level = levelNow(draining, state),
        fasterRate = keptRate > rate and keptRate or nil,
      }
    end,

    fits = function(limit, state, cost)
      local after = state.level + cost
      return after <= limit.burst or cost == 0 or isWithin(after, limit.burst)
    end,

    -- The time of the state is that of the call.
    facts = function(limit, state)
      return pack('>d', state.level)
    end,

    take = function(limit, state, cost)
      return { at = state.at, level = state.level + cost }
    end,

    settle = function(limit, state, taken, cost)
      local stillCounted = max(0, ((taken.at + taken.resetAfter - state.at) * limit.limit) / limit.period)
      local difference = max(cost - taken.cost, -stillCounted)
      return { at = state.at, level = max(0, state.level + difference) }
    end,

    usage = function(limit, state)
      local level = levelNow(limit, state)
      local age = max(0, now - state.at)
      return level > 0 and { units = level, sinceAge = age, lastAge = age } or nil
    end,

    withUsage = function(limit, usage)
      local level = min(usage.units, limit.burst)
      return { at = now, level = levelNow(limit, { at = now - usage.lastAge, level = level }) }
    end,

    idleAfter = function(limit, state)
      return timeFor(limit, state.level)
    end,

    pack = function(state)
      return pack('>dd', state.at, state.level)
    end,

    unpack = function(header, from)
      local at, level = unpackFrom('>dd', header, from)
      return { at = at, level = level }
    end,
  }
end

-- Fixed window (\`algorithms/fixed-window.ts\`). Lua knows no time zones, so a calendar limit comes
-- with two windows: the one that contains the client's current time and the next one. The script
-- decides only if its own time lies in one of them.

define.f = function()
  local TREMBLE = 60000

  -- A calendar limit that is read only to be replaced has no windows; its borders are not used.
  local function windowAt(limit)
    if limit.zone == '' then return now, now + limit.period end
    local windows = limit.windows
    if not windows then return now, now end
    if now < windows[2] then return windows[1], windows[2] end
    return windows[2], windows[3]
  end

  local function opened(limit, count)
    local start, finish = windowAt(limit)
    return { at = now, start = start, finish = finish, count = count }
  end

  return {
    kind = 'string',
    size = 32,

    -- Returns the state of a calendar limit without windows, unchanged even if the clock was set
    -- back.
    held = function(state)
      return { at = max(now, state.at), start = state.start, finish = state.finish, count = state.count }
    end,

    fresh = function(limit)
      return opened(limit, 0)
    end,

    advance = function(limit, state)
      local calendar = limit.zone ~= ''
      if now >= state.finish or (state.count == 0 and not calendar) then return opened(limit, 0) end
      if now >= state.start or (calendar and state.start - now <= TREMBLE) then
        return { at = now, start = state.start, finish = state.finish, count = state.count }
      end
      return opened(limit, state.count)
    end,

    fits = function(limit, state, cost)
      return cost == 0 or isWithin(state.count + cost, limit.limit)
    end,

    take = function(limit, state, cost)
      state.count = state.count + cost
      return state
    end,

    settle = function(limit, state, taken, cost)
      local difference = cost - taken.cost
      if difference >= 0 or taken.at >= state.start then state.count = max(0, state.count + difference) end
      return state
    end,

    usage = function(limit, state)
      local count, moment = state.count, max(now, state.at)
      if count == 0 or now >= state.finish then return nil end
      return { units = count, sinceAge = max(0, moment - state.start), lastAge = moment - state.at }
    end,

    withUsage = function(limit, usage)
      if limit.zone ~= '' then
        local state = opened(limit, usage.units)
        if now - usage.lastAge < state.start then state.count = 0 end
        return state
      end
      local start = now - ageOfWindow(limit.period, usage)
      if now - start >= limit.period then return opened(limit, 0) end
      return { at = now, start = start, finish = start + limit.period, count = usage.units }
    end,

    idleAfter = function(limit, state)
      return state.count == 0 and 0 or max(0, state.finish - state.at)
    end,

    pack = function(state)
      return pack('>dddd', state.at, state.start, state.finish, state.count)
    end,

    unpack = function(header, from)
      local at, start, finish, count = unpackFrom('>dddd', header, from)
      return { at = at, start = start, finish = finish, count = count }
    end,
  }
end

-- Sliding window (\`algorithms/sliding-window.ts\`): the counters of two windows.

define.w = function()
  local function estimate(limit, state, cost)
    return state.previous * (1 - (state.at - state.start) / limit.period) + (state.current + cost)
  end

  local function idleAfter(limit, state)
    if state.current > 0 then return state.start + 2 * limit.period - state.at end
    return state.previous > 0 and state.start + limit.period - state.at or 0
  end

  local function counted(start, previous, current)
    return { at = now, start = start, previous = previous, current = current }
  end

  local function advance(limit, state)
    local start, previous, current = state.start, state.previous, state.current
    if previous == 0 and current == 0 then return counted(now, previous, current) end
    if now < start then return counted(now, previous, current) end
    local windows = floor((now - start) / limit.period)
    if windows == 0 then return counted(start, previous, current) end
    if windows == 1 and current > 0 then return counted(start + limit.period, current, 0) end
    return counted(now, 0, 0)
  end

  return {
    kind = 'string',
    size = 32,

    fresh = function()
      return counted(now, 0, 0)
    end,

    advance = advance,

    fits = function(limit, state, cost)
      return cost == 0 or isWithin(estimate(limit, state, cost), limit.limit)
    end,

    take = function(limit, state, cost)
      state.current = state.current + cost
      return state
    end,

    settle = function(limit, state, taken, cost)
      local difference = cost - taken.cost
      local start, previous, current = state.start, state.previous, state.current
      if difference >= 0 or taken.at >= start then
        return counted(start, previous, max(0, current + difference))
      end
      if taken.at < start - limit.period then return state end
      return counted(start, max(0, previous + difference), current)
    end,

    usage = function(limit, state)
      local current = advance(limit, state)
      local units = estimate(limit, current, 0)
      if not (units > 0) then return nil end
      local since = current.previous > 0 and current.start - limit.period or current.start
      return { units = units, sinceAge = now - since, lastAge = max(0, now - state.at) }
    end,

    withUsage = function(limit, usage)
      return advance(limit, counted(now - ageOfWindow(limit.period, usage), 0, usage.units))
    end,

    idleAfter = idleAfter,

    pack = function(state)
      return pack('>dddd', state.at, state.start, state.previous, state.current)
    end,

    unpack = function(header, from)
      local at, start, previous, current = unpackFrom('>dddd', header, from)
      return { at = at, start = start, previous = previous, current = current }
    end,
  }
end

-- Sliding log (\`algorithms/sliding-log.ts\`). The entries are fields of the key's hash, numbered in
-- order of arrival. Each holds its time and the running sum of costs up to and including it.
-- Entries in [head, tail) count; those in [first, head) have expired and are not deleted yet.
-- Entries are read on demand by binary search, so a decision reads O(log n) entries and writes one.

define.l = function()
  -- Expired entries that a write deletes beyond those it adds: no log grows, and no write stalls.
  local DELETED_A_WRITE = 100
  -- Parts of a period into which entries of another limit are merged.
  local MERGED_PARTS = 64
  -- A running sum beyond this restarts from 0, long before doubles lose units.
  local REBASE_FROM = 2 ^ 50

  local function field(index)
    return format('%.0f', index)
  end

  local function entryAt(state, index)
    local entry = state.own[index]
    if not entry then
      local time, sum = unpackFrom('>dd', call('HGET', state.key, field(index)))
      entry = { time, sum }
      state.own[index] = entry
    end
    return entry
  end

  local function timeAt(state, index)
    if index < state.head or index >= state.tail then return state.at end
    return entryAt(state, index)[1]
  end

  local function sumBefore(state, index)
    return index == state.head and state.base or entryAt(state, index - 1)[2]
  end

  local function usedOf(state)
    return sumBefore(state, state.tail) - state.base
  end

  local function change(state, index, time, sum)
    state.own[index] = { time, sum }
    state.changed[index] = true
  end

  -- Returns a log with only new entries; the key is deleted before they are written.
  local function empty(key, keptFor)
    return {
      at = now, key = key, first = 0, head = 0, tail = 0, base = 0, own = {}, changed = {}, anew = true,
      keptFor = keptFor, keptUntil = 0,
    }
  end

  local function append(state, cost, time)
    change(state, state.tail, time or state.at, sumBefore(state, state.tail) + min(cost, 2 ^ 53 - 1))
    state.tail = state.tail + 1
    return state
  end

  -- Returns the first index in [low, high] for which found(index) is true, or high if there is none
  -- before it.
  local function search(low, high, found)
    while low < high do
      local middle = floor((low + high) / 2)
      if found(middle) then high = middle else low = middle + 1 end
    end
    return low
  end

  -- An entry expires when it is forgotten, even if the limit would count it for longer.
  local function countedFor(limit, state)
    return min(limit.period, state.keptFor)
  end

  local function untilGone(limit, state, amount)
    local target = state.base + min(amount, usedOf(state)) * (1 - 1e-12)
    local index = search(state.head, state.tail - 1, function(each)
      return entryAt(state, each)[2] >= target
    end)
    return max(0, timeAt(state, index) + countedFor(limit, state) - state.at)
  end

  local function untilOneLess(limit, state)
    return untilGone(limit, state, 1 + max(0, usedOf(state) - limit.limit))
  end

  local function untilOver(state, period)
    if state.tail == state.head then return 0 end
    return max(0, timeAt(state, state.tail - 1) + period - state.at)
  end

  -- Returns a view of the state with only the entries that count in this period.
  local function within(limit, state)
    if limit.period >= state.keptFor then return state end
    local head = search(state.head, state.tail, function(index)
      return now - entryAt(state, index)[1] < limit.period
    end)
    return {
      at = now, key = state.key, head = head, tail = state.tail, base = sumBefore(state, head), own = state.own,
      keptFor = state.keptFor,
    }
  end

  -- Removes entries at the end that hold no units.
  local function withoutEmptyEnd(state)
    while state.tail > state.head and sumBefore(state, state.tail) == sumBefore(state, state.tail - 1) do
      state.tail = state.tail - 1
    end
    return state
  end

  -- Returns the same entries with sums that restart from 0.
  local function rebased(state)
    local next = empty(state.key, state.keptFor)
    next.keptUntil = state.keptUntil
    for index = state.head, state.tail - 1 do
      local entry = entryAt(state, index)
      change(next, next.tail, entry[1], entry[2] - state.base)
      next.tail = next.tail + 1
    end
    return next
  end

  local function advance(limit, state)
    if now < state.at then
      local index = state.tail - 1
      while index >= state.head and entryAt(state, index)[1] > now do
        change(state, index, now, entryAt(state, index)[2])
        index = index - 1
      end
      state.keptUntil = min(state.keptUntil, now + state.keptFor)
    end
    local head = search(state.head, state.tail, function(index)
      return now - entryAt(state, index)[1] < state.keptFor
    end)
    state.base = sumBefore(state, head)
    state.head, state.at = head, now
    if head == state.tail then state.keptFor, state.keptUntil = limit.period, 0 end
    return state
  end

  local function keptUnder(limit, state)
    if limit.period >= state.keptFor or (state.keptUntil > 0 and now >= state.keptUntil) then
      state.keptFor, state.keptUntil = limit.period, 0
    elseif state.keptUntil == 0 then
      -- All entries so far were taken under the longer period.
      state.keptUntil = timeAt(state, state.tail - 1) + state.keptFor
    end
    return state
  end

  -- Charges a cost that was taken under a limit that counts another way. Once there are as many
  -- entries as this limit allows, entries close in time are merged.
  local function oweBeside(limit, state, cost)
    local last = state.tail - 1
    local isShort = state.tail - state.head < max(2, limit.limit)
    if isShort or now - timeAt(state, last - 1) >= limit.period / MERGED_PARTS then return append(state, cost) end
    change(state, last, now, entryAt(state, last)[2] + min(cost, 2 ^ 53 - 1))
    return state
  end

  return {
    kind = 'hash',
    size = 40,

    fresh = function(limit, key)
      return empty(key, limit.period)
    end,

    advance = advance,

    fits = function(limit, state, cost)
      return cost == 0 or isWithin(usedOf(within(limit, state)) + cost, limit.limit)
    end,

    facts = function(limit, kept, cost, isFitting)
      local state = within(limit, kept)
      local used = usedOf(state)
      local wait = 0
      if not isFitting then wait = cost > limit.limit and INF or untilGone(limit, state, used + cost - limit.limit) end
      return packFacts(used, untilOver(state, countedFor(limit, state)), used > 0 and untilOneLess(limit, state) or 0, wait)
    end,

    take = function(limit, state, cost)
      return append(keptUnder(limit, state), cost)
    end,

    takeBeside = function(limit, state, cost)
      return oweBeside(limit, keptUnder(limit, state), cost)
    end,

    oweBeside = oweBeside,

    settle = function(limit, state, taken, cost)
      local difference = cost - taken.cost
      if difference > 0 then return append(state, difference) end
      if difference == 0 then return state end
      -- All entries of one time expire at one time, so any of them can refund.
      local index = search(state.head, state.tail, function(each)
        return entryAt(state, each)[1] > taken.at
      end) - 1
      local left = -difference
      while left > 0 and index >= state.head and timeAt(state, index) == taken.at do
        local given = min(left, entryAt(state, index)[2] - sumBefore(state, index))
        for later = index, given > 0 and state.tail - 1 or index - 1 do
          local entry = entryAt(state, later)
          change(state, later, entry[1], entry[2] - given)
        end
        left = left - given
        index = index - 1
      end
      return withoutEmptyEnd(state)
    end,

    usage = function(limit, state)
      advance(limit, state)
      local units = usedOf(state)
      if not (units > 0) then return nil end
      return {
        units = units,
        sinceAge = now - timeAt(state, state.head),
        lastAge = now - timeAt(state, state.tail - 1),
      }
    end,

    withUsage = function(limit, usage, key)
      local state = empty(key, limit.period)
      if usage.lastAge >= limit.period then return state end
      return append(state, usage.units, now - usage.lastAge)
    end,

    idleAfter = function(limit, state)
      return untilOver(state, state.keptFor)
    end,

    -- The encoded limit, with the period that the entries are kept for.
    headOf = function(limit, state)
      return pack(HEAD, VERSION, 'l', limit.limit, state.keptFor, state.keptUntil, 0)
    end,

    -- Writes the changed entries; the caller writes the header.
    write = function(state)
      if state.base > REBASE_FROM then state = rebased(state) end
      if state.anew then call('UNLINK', state.key) end
      local written = 0
      for index in pairs(state.changed) do
        written = written + 1
        if index >= state.head and index < state.tail then
          local entry = state.own[index]
          call('HSET', state.key, field(index), pack('>dd', entry[1], entry[2]))
        end
      end
      local last = min(state.head, state.first + DELETED_A_WRITE + written) - 1
      local over = {}
      for index = state.first, last do over[#over + 1] = field(index) end
      if #over > 0 then call('HDEL', state.key, unpack(over)) end
      state.first = last + 1
      return state
    end,

    pack = function(state)
      return pack('>ddddd', state.at, state.first, state.head, state.tail, state.base)
    end,

    unpack = function(header, from, key, limit, keptUntil)
      local state = { key = key, own = {}, changed = {}, keptFor = limit.period, keptUntil = keptUntil }
      state.at, state.first, state.head, state.tail, state.base = unpackFrom('>ddddd', header, from)
      return state
    end,
  }
end

-- Concurrency (\`algorithms/concurrency.ts\`). The leases are members of a sorted set, scored by the
-- time at which they end: '=name'. A lease of more or fewer slots than one has a second member
-- '#name', scored by the negated number of slots, so that these members sort before every lease.
-- The header is the member whose score is infinite.

define.n = function()
  local function slotsOf(state, member)
    if not state.uneven then return 1 end
    local slots = call('ZSCORE', state.key, '#' .. sub(member, 2))
    return slots and -tonumber(slots) or 1
  end

  local function empty(key)
    return { at = now, key = key, held = 0, uneven = false, anew = true }
  end

  -- Calls each(until, slots) for the active leases in order of expiry, until it returns true.
  local function eachLease(state, each)
    if state.anew then return end
    local offset, count = 0, 1
    repeat
      local found = call('ZRANGEBYSCORE', state.key, '(' .. text(now), '(+inf',
        'WITHSCORES', 'LIMIT', offset, count)
      for index = 1, #found, 2 do
        if each(tonumber(found[index + 1]), slotsOf(state, found[index])) then return end
      end
      offset, count = offset + count, 100
    until #found == 0
  end

  local function untilFree(state, slots)
    local freed, wait = 0, 0
    eachLease(state, function(ends, held)
      freed = freed + held
      if freed < slots then return false end
      wait = ends - state.at
      return true
    end)
    return wait
  end

  local function idleAfter(limit, state)
    if state.anew then return 0 end
    local last = call('ZREVRANGEBYSCORE', state.key, '(+inf', '(' .. text(now), 'WITHSCORES', 'LIMIT', 0, 1)
    return last[2] and tonumber(last[2]) - state.at or 0
  end

  local function drop(state, member)
    call('ZREM', state.key, member, '#' .. sub(member, 2))
  end

  local function ended(state)
    return call('ZRANGEBYSCORE', state.key, '(0', text(now))
  end

  -- Expired leases are removed only when something is written.
  local function clear(state)
    if state.anew then call('UNLINK', state.key) end
    if state.anyEnded then
      for _, member in ipairs(ended(state)) do drop(state, member) end
    end
    state.anew, state.anyEnded, state.written = false, false, true
  end

  local function heldBy(state, member)
    return call('ZSCORE', state.key, member) and slotsOf(state, member) or 0
  end

  local function hold(limit, state, member, before, slots)
    if before > 0 and slots ~= before then drop(state, member) end
    if slots > 0 then call('ZADD', state.key, text(state.at + limit.period), member) end
    if slots > 0 and slots ~= 1 and slots ~= before then
      call('ZADD', state.key, text(-slots), '#' .. sub(member, 2))
      state.uneven = true
    end
    state.held = state.held - before + slots
    return state
  end

  return {
    kind = 'zset',
    size = 16,

    fresh = function(limit, key)
      return empty(key)
    end,

    advance = function(limit, state)
      if state.advanced or state.anew then return state end
      if now < state.at then
        local latest = text(now + limit.period)
        local late = call('ZRANGEBYSCORE', state.key, '(' .. latest, '(+inf')
        for _, member in ipairs(late) do call('ZADD', state.key, latest, member) end
      end
      for _, member in ipairs(ended(state)) do
        state.held = state.held - slotsOf(state, member)
        state.anyEnded = true
      end
      state.at, state.advanced = now, true
      return state
    end,

    fits = function(limit, state, cost)
      return cost == 0 or state.held + cost <= limit.limit
    end,

    facts = function(limit, state, cost, isFitting)
      local held = state.held
      local wait = 0
      if not isFitting then wait = cost > limit.limit and INF or untilFree(state, held + cost - limit.limit) end
      local oneLess = untilFree(state, max(1, held - limit.limit + 1))
      return packFacts(held, idleAfter(limit, state), oneLess, wait)
    end,

    take = function(limit, state, cost, member)
      clear(state)
      local before = heldBy(state, member)
      return hold(limit, state, member, before, before + cost)
    end,

    settle = function(limit, state, taken, cost, member)
      if member == '' then return state end
      clear(state)
      return hold(limit, state, member, heldBy(state, member), cost)
    end,

    usage = function()
      return nil
    end,

    withUsage = function(limit, usage, key)
      return empty(key)
    end,

    idleAfter = idleAfter,

    write = function(state)
      clear(state)
      return state
    end,

    pack = function(state)
      return pack('>dd', state.at, state.held)
    end,

    unpack = function(header, from, key)
      local at, held = unpackFrom('>dd', header, from)
      return { key = key, at = at, held = held, uneven = call('ZCOUNT', key, '-inf', '(0') > 0 }
    end,
  }
end

-- How a key stores its state.
--
-- A header consists of a version, the limit of the last take, the key's expiry, and the numbers of
-- the state. The same fields without an expiry follow for each further count (buckets and windows
-- only). A bucket or a window is a string, which is its header. A log has it in field 'h' of a
-- hash. Leases are a sorted set, and the header is the member whose score is infinite. A log may
-- keep its entries for longer than the limit's own period: its header then has that longer period,
-- and in place of the burst the time until which it applies.

local HEAD_SIZE = 27
local EXPIRY_SIZE = 8
-- Maximum number of counts per key.
local MAX_COUNTS = 4

-- Bounds in milliseconds for how long after becoming idle a key expires.
local SOONEST, LATEST = 100, 1900

-- Keys are identified by their position in KEYS. Their data is in arrays by position: a table per
-- key would make a batch half as slow again.
local headers, kinds = {}, {}
-- The first count of usage: its state and the limit of its last take. Then further counts, and the
-- error of an unreadable key.
local states, unders, others, faults = {}, {}, {}, {}
-- The stored expiry, if only the state has changed.
local expiries = {}
-- Limit and current level of a token bucket that was only taken from or peeked at
-- (\`bucket-fast-path.lua\`).
local bucketLimits, levels = {}, {}
-- The keys to write, in order.
local areChanged, changedOnes, changes = {}, {}, 0
-- Keys that this job changed without taking; they may be idle now.
local mendedOnes = {}

local READ = {
  string = function(key) return call('GET', key) end,
  hash = function(key) return call('HGET', key, 'h') end,
  zset = function(key) return call('ZRANGE', key, -1, -1)[1] end,
}

-- Values of the string keys, read together when the first is needed.
local strings
local function readStrings()
  -- The Lua stack holds about 8000 values.
  strings = call('MGET', unpack(KEYS, 1, min(4000, #KEYS)))
  for from = 4001, #KEYS, 4000 do
    local found = call('MGET', unpack(KEYS, from, min(from + 3999, #KEYS)))
    for place = 1, #found do strings[from + place - 1] = found[place] end
  end
end

-- Returns the header of a key that is not a string, and the type of its value.
local function headerOf(key)
  local kind = call('TYPE', key).ok
  if kind == 'none' then return false, nil end
  local read = READ[kind]
  return read and read(key) or '', kind
end

local function headOf(limit)
  if not limit.head then
    local zone = limit.zone
    limit.head = pack(HEAD, VERSION, limit.letter, limit.limit, limit.period, limit.burst, #zone) .. zone
    limit.headSize = #limit.head
    limit.stateFrom = limit.headSize + EXPIRY_SIZE + 1
    limit.stateOffset = format('%d', limit.stateFrom - 1)
    limit.size = limit.stateFrom - 1 + A[limit.letter].size
  end
  return limit.head
end

local function unreadable(index)
  return 'the key ' .. KEYS[index] .. ' holds nothing that this version of sluice wrote'
end

-- Reports whether no number of a state is NaN. A debt may be infinite.
local function isSound(state)
  for _, value in pairs(state) do
    if value ~= value then return false end
  end
  return true
end

-- Decodes a limit from a header, and returns the position after it.
local function readLimit(header, from)
  if #header < from - 1 + HEAD_SIZE or string.byte(header, from) ~= VERSION then return end
  local _, letter, capacity, period, burst, zoneSize, zoneFrom = unpackFrom(HEAD, header, from)
  if not define[letter] then return end
  local zone = sub(header, zoneFrom, zoneFrom + zoneSize - 1)
  if letter ~= 'l' then return { letter = letter, limit = capacity, period = period, burst = burst, zone = zone }, zoneFrom + zoneSize end
  return { letter = letter, limit = capacity, period = period, burst = 0, zone = zone }, zoneFrom + zoneSize, burst
end

-- Returns the counts of a header, or nil if it is unreadable.
local function countsIn(index, header)
  local limit, from, keptUntil = readLimit(header, 1)
  if not limit then return end
  from = from + EXPIRY_SIZE
  local counts = {}
  repeat
    local size = A[limit.letter].size
    if from + size - 1 > #header or #counts == MAX_COUNTS then return end
    local state = A[limit.letter].unpack(header, from, KEYS[index], limit, keptUntil)
    if not isSound(state) then return end
    counts[#counts + 1] = { limit = limit, state = state }
    from = from + size
    if from > #header then return counts end
    limit, from, keptUntil = readLimit(header, from)
  until not limit or A[limit.letter].kind ~= 'string'
end

-- Reads a header of another limit or with several counts.
local function readHeader(index, header)
  local counts = countsIn(index, header)
  if counts and A[counts[1].limit.letter].kind == kinds[index] then
    local first = table.remove(counts, 1)
    unders[index], states[index] = first.limit, first.state
    others[index] = counts[1] and counts or nil
    return
  end
  faults[index] = unreadable(index)
end

-- Reports whether the server is out of memory. Redis refuses a write that needs memory only as the
-- first write of a script; later ones may exceed its limit. So this tests beforehand, with a write
-- that changes nothing.
local isFull
local function isServerFull()
  if isFull == nil then
    local reply = redis.pcall('SETRANGE', KEYS[1], 0, '')
    isFull = type(reply) == 'table' and reply.err ~= nil and string.find(reply.err, 'OOM', 1, true) ~= nil
  end
  return isFull
end
local FULL = 'OOM the server has no memory left'

-- Converts a current level to the full representation of a key.
local function widen(index)
  local limit, level = bucketLimits[index], levels[index]
  bucketLimits[index], levels[index] = nil, nil
  local header = strings[index] or false
  headers[index] = header
  if areChanged[index] then
    unders[index], states[index] = limit, { at = now, level = level }
  elseif header then
    -- Another limit may drain the bucket faster, so the stored state counts, not the level computed
    -- from it.
    unders[index], states[index] = limit, A.t.unpack(header, limit.stateFrom)
  end
end

-- Reads a key, once.
local function load(index, limit)
  if levels[index] then return widen(index) end
  local algorithm = A[limit.letter]
  local isString = algorithm.kind == 'string'
  if isString and not strings then readStrings() end
  local header = isString and strings[index]
  if not header then
    header, kinds[index] = headerOf(KEYS[index])
    headers[index] = header
    if header then readHeader(index, header) end
    return
  end
  headers[index] = header
  -- Nearly every state counts under the requested limit.
  if #header ~= limit.size or sub(header, 1, limit.headSize) ~= limit.head then
    kinds[index] = 'string'
    readHeader(index, header)
    return
  end
  local state = algorithm.unpack(header, limit.stateFrom)
  if not isSound(state) then
    faults[index] = unreadable(index)
    return
  end
  unders[index], states[index] = limit, state
  expiries[index] = unpackFrom('>d', header, limit.headSize + 1)
end

local function forget(index)
  states[index], unders[index], others[index], expiries[index] = nil, nil, nil, nil
end

local function reset(index)
  call('UNLINK', KEYS[index])
  bucketLimits[index], levels[index] = nil, nil
  forget(index)
  headers[index], faults[index] = false, nil
end

-- '%d' takes a third of the time of '%.0f', and no expiry exceeds its range.
local function lifetimeOf(idleAfter)
  return min(ceil(idleAfter) + slack, 2 ^ 53)
end

-- If the old expiry is close enough, only the state is written, which saves 0.5 µs.
local function isNearEnough(expiry, idleAfter)
  if not expiry or given ~= '' then return false end
  local left = expiry - now - idleAfter
  return left >= SOONEST and left <= LATEST
end

-- Writes a current level, as \`keep\` writes a state.
local function keepLevel(index, level)
  local limit = bucketLimits[index]
  local idleAfter = (level * limit.period) / limit.limit
  if isNearEnough(expiries[index], idleAfter) then
    call('SETRANGE', KEYS[index], limit.stateOffset, pack('>dd', now, level))
  else
    local lifetime = lifetimeOf(idleAfter)
    call('PSETEX', KEYS[index], format('%d', lifetime), limit.head .. pack('>ddd', now + lifetime, now, level))
  end
end

local function leftOf(limit, state)
  return A[limit.letter].idleAfter(limit, state) + (state.at - now)
end

-- Writes the state of a key. It expires when it equals the state of a missing key.
local function keep(index)
  local key, limit, state, stored = KEYS[index], unders[index], states[index], headers[index]
  if faults[index] then return end
  local algorithm = state and A[limit.letter]
  local idleAfter = state and leftOf(limit, state) or 0
  for _, count in ipairs(others[index] or {}) do idleAfter = max(idleAfter, leftOf(count.limit, count.state)) end
  if idleAfter <= 0 then
    -- The key may have expired. In a slot that is moving, a missing key belongs to another node and
    -- must not be touched here.
    if stored or (state and state.written) then redis.pcall('UNLINK', key) end
    return
  end
  if isNearEnough(expiries[index], idleAfter) then
    call('SETRANGE', key, limit.stateOffset, algorithm.pack(state))
    return
  end
  if algorithm.write then state = algorithm.write(state) end
  local lifetime = lifetimeOf(idleAfter)
  local head = algorithm.headOf and algorithm.headOf(limit, state) or headOf(limit)
  local header = head .. pack('>d', now + lifetime) .. algorithm.pack(state)
  for _, count in ipairs(others[index] or {}) do
    header = header .. headOf(count.limit) .. A[count.limit.letter].pack(count.state)
  end
  if algorithm.kind == 'string' then
    call('PSETEX', key, format('%d', lifetime), header)
    return
  end
  if algorithm.kind == 'zset' then
    -- Add the new header first: a set that is empty for a moment is deleted, and cannot be created
    -- again while its slot is moving.
    call('ZADD', key, '+inf', header)
    if stored and kinds[index] == 'zset' and stored ~= header then call('ZREM', key, stored) end
  else
    call('HSET', key, 'h', header)
  end
  call('PEXPIRE', key, format('%d', lifetime))
end

-- What a key has used now, as a limit sees it, and after a take or a settlement
-- (\`algorithms/usage-counts.ts\`, function by function).
--
-- A key has a count for each way of counting in use. The first is in \`unders\` and \`states\`; further
-- counts, which few keys have, are in \`others\`.

-- The key that is being processed, which an error is attributed to.
local atHand

-- Marks a key to be written.
local function note(index)
  if areChanged[index] then return end
  areChanged[index] = true
  changes = changes + 1
  changedOnes[changes] = index
end

-- Marks a key changed by a settlement or a clock set back, which may be idle now.
local function mend(index)
  note(index)
  mendedOnes[#mendedOnes + 1] = index
end

-- Reports whether one state serves both limits.
local function hasCompatibleState(a, b)
  if a == b then return true end
  if a.letter ~= b.letter then return false end
  if a.letter == 'f' then return a.period == b.period and a.zone == b.zone end
  return a.letter ~= 'w' or a.period == b.period
end

local function advance(limit, state, kept)
  -- The windows of a calendar limit that is not part of this call are unknown, so its state stays
  -- as it is.
  if limit.zone ~= '' and not limit.windows and now < state.finish then return A.f.held(state) end
  return A[limit.letter].advance(limit, state, kept or limit)
end

-- Returns the milliseconds until a count equals a fresh one.
local function idleAfter(limit, state)
  return A[limit.letter].idleAfter(limit, state) + (state.at - now)
end

local function countsOf(index)
  local counts = {}
  if states[index] then counts[1] = { limit = unders[index], state = states[index] } end
  for _, count in ipairs(others[index] or {}) do counts[#counts + 1] = count end
  return counts
end

-- Stores counts in the arrays. The count whose algorithm determines the type of the key comes
-- first.
local function arrange(index, counts)
  local first = 1
  for place, count in ipairs(counts) do
    if A[count.limit.letter].kind ~= 'string' then first = place end
  end
  local count = table.remove(counts, first)
  unders[index], states[index] = count and count.limit, count and count.state
  others[index] = counts[1] and counts or nil
  expiries[index] = nil
end

-- Adjusts a key to a clock that was set back, before its state is requested.
local function setBack(index, limit)
  local kept, state = unders[index], states[index]
  if not state then return end
  if kept.zone ~= '' and hasCompatibleState(kept, limit) then kept.windows = limit.windows end
  local isSetBack = now < state.at
  for _, count in ipairs(others[index] or {}) do
    if count.limit.zone ~= '' and hasCompatibleState(count.limit, limit) then count.limit.windows = limit.windows end
    isSetBack = isSetBack or now < count.state.at
  end
  if not isSetBack then return end
  local isMended = false
  for _, count in ipairs(countsOf(index)) do
    if now < count.state.at and (count.limit.zone == '' or count.limit.windows) then
      local state = advance(count.limit, count.state)
      if count.limit == kept then states[index] = state end
      for _, other in ipairs(others[index] or {}) do
        if other.limit == count.limit then other.state = state end
      end
      isMended = true
    end
  end
  if isMended then mend(index) end
end

local function isLarger(a, b)
  if a.units ~= b.units then return a.units > b.units end
  if a.lastAge == b.lastAge then return a.sinceAge > b.sinceAge end
  return a.lastAge < b.lastAge
end

-- Returns the current state of a key under a limit, without storing it.
local function stateNow(index, limit)
  atHand = index
  local algorithm = A[limit.letter]
  setBack(index, limit)
  local kept, state = unders[index], states[index]
  if not state then return algorithm.fresh(limit, KEYS[index]) end
  if hasCompatibleState(kept, limit) then return advance(limit, state, kept) end
  local counts = countsOf(index)
  local largest
  for _, count in ipairs(counts) do
    if hasCompatibleState(count.limit, limit) then return advance(limit, count.state, count.limit) end
    local usage = A[count.limit.letter].usage(count.limit, count.state)
    if usage and (not largest or isLarger(usage, largest)) then largest = usage end
  end
  if not largest or limit.letter == 'n' then return algorithm.fresh(limit, KEYS[index]) end
  return algorithm.withUsage(limit, largest, KEYS[index])
end

local function spanOf(limit)
  return limit.letter == 't' and (limit.burst * limit.period) / limit.limit or limit.period
end

local function goesOn(limit, beside)
  return limit.letter ~= 'n' and limit.zone == '' and spanOf(limit) < spanOf(beside)
end

-- Converts a count to continue beside one under another limit: a key is either a hash or a sorted
-- set.
local function beside(count, limit)
  local letter = count.limit.letter
  if letter == 'n' and limit.letter == 'l' then return nil end
  if letter ~= 'l' or limit.letter ~= 'n' then return count end
  local usage = A.l.usage(count.limit, count.state)
  if not usage then return nil end
  local window = { letter = 'f', limit = count.limit.limit, period = count.state.keptFor, burst = 0, zone = '' }
  return { limit = window, state = A.f.withUsage(window, usage) }
end

local function withoutSoonestOver(counts)
  local soonest, dropped = INF, 2
  for place = 2, #counts do
    local left = idleAfter(counts[place].limit, counts[place].state)
    if left < soonest then soonest, dropped = left, place end
  end
  table.remove(counts, dropped)
end

-- Takes a cost under a limit that counts another way. A level above the burst would refuse for
-- longer than its limit alone ever does.
local function takeElsewhere(limit, state, cost)
  if limit.letter == 'l' then return A.l.takeBeside(limit, state, cost) end
  if limit.letter ~= 't' then return A[limit.letter].take(limit, state, cost, '') end
  return { at = state.at, level = max(state.level, min(state.level + cost, limit.burst)) }
end

-- Takes a cost that was judged to fit.
local function take(index, limit, cost, lease)
  local kept = unders[index]
  local state = stateNow(index, limit)
  if not states[index] or (not others[index] and hasCompatibleState(kept, limit)) then
    states[index], unders[index] = A[limit.letter].take(limit, state, cost, lease), limit
    if kept and kept ~= limit then expiries[index] = nil end
    note(index)
    return
  end
  local rest, isOver = {}, true
  for _, each in ipairs(countsOf(index)) do
    if idleAfter(each.limit, each.state) > 0 then isOver = false end
  end
  -- An idle key may or may not have expired yet, so its counts are dropped.
  for _, each in ipairs(isOver and {} or countsOf(index)) do
    local count = not hasCompatibleState(each.limit, limit) and beside(each, limit)
    if count then
      local current = advance(count.limit, count.state)
      if idleAfter(count.limit, current) > 0 or goesOn(count.limit, limit) then
        if limit.letter ~= 'n' and count.limit.letter ~= 'n' then
          current = takeElsewhere(count.limit, current, cost)
        end
        rest[#rest + 1] = { limit = count.limit, state = current }
      end
    end
  end
  local counts = { { limit = limit, state = A[limit.letter].take(limit, state, cost, lease) } }
  for _, count in ipairs(rest) do counts[#counts + 1] = count end
  if #counts > MAX_COUNTS then withoutSoonestOver(counts) end
  arrange(index, counts)
  note(index)
end

-- Drops keys that are idle after a job, because a separate call would no longer find them.
local function dropIdle()
  for place, index in ipairs(mendedOnes) do
    mendedOnes[place] = nil
    local state = states[index]
    local isIdle = state ~= nil
    for _, count in ipairs(countsOf(index)) do
      if idleAfter(count.limit, count.state) > 0 then isIdle = false end
    end
    if isIdle then
      if state.written then call('UNLINK', KEYS[index]) end
      forget(index)
    end
  end
end

-- Converts a charge for a count that may be kept under another limit than the charged one.
local function chargeIn(count, limit, taken)
  if count.letter ~= 't' then return taken end
  local rate = count.limit / count.period
  local resetAfter
  if limit.letter ~= 't' then
    -- The bucket does not record whether the charge has drained, or ever fitted.
    resetAfter = 0
  else
    local chargedRate = limit.limit / limit.period
    if chargedRate == rate then return taken end
    local level = taken.resetAfter * chargedRate - max(0, chargedRate - rate) * (now - taken.at)
    resetAfter = level / rate
  end
  return { cost = taken.cost, at = taken.at, resetAfter = resetAfter }
end

-- Settles a charge that was taken under this limit. A lease is renewed for the period of its own
-- charge, but a bucket drains at the rate of its last take.
local function settle(index, limit, taken, cost, lease)
  setBack(index, limit)
  local settled, rest = {}, {}
  for _, count in ipairs(countsOf(index)) do
    if (count.limit.letter == 'n') ~= (limit.letter == 'n') then
      rest[#rest + 1] = count
    else
      local isAlike = hasCompatibleState(count.limit, limit)
      local by = isAlike and limit.letter ~= 't' and limit or count.limit
      local current = advance(by, count.state)
      if isAlike or idleAfter(by, current) > 0 then
        settled[#settled + 1] = { limit = count.limit, by = by, state = current }
      end
    end
  end
  if not settled[1] then
    -- As in \`beside\`; and the debt of a log ends no lease.
    if limit.letter == 'l' and rest[1] then return end
    for place, count in ipairs(rest) do rest[place] = beside(count, limit) or count end
    settled[1] = { limit = limit, by = limit, state = A[limit.letter].fresh(limit, KEYS[index]) }
  end
  local first = settled[1]
  for _, count in ipairs(settled) do
    local by, state, there = count.by, count.state, chargeIn(count.limit, limit, taken)
    if by.letter == 'l' and limit.letter ~= 'l' and cost > there.cost then
      count.state = A.l.oweBeside(by, state, cost - there.cost)
    else
      count.state = A[by.letter].settle(by, state, there, cost, lease)
    end
  end
  local counts = {}
  for _, group in ipairs({ settled, rest }) do
    for _, count in ipairs(group) do
      if idleAfter(count.limit, advance(count.limit, count.state)) > 0 then counts[#counts + 1] = count end
    end
  end
  -- If no count is left, one remains to record whether the key was written.
  if not counts[1] then counts[1] = first end
  local expiry = expiries[index]
  local isOne = not others[index] and not counts[2] and counts[1].limit == unders[index]
  arrange(index, counts)
  if isOne then expiries[index] = expiry end
  mend(index)
end

-- The jobs of a call and its reply.
--
-- A call brings jobs: requests to decide, settlements and resets. They run one after the other, as
-- if each were a call of its own at the same time; each key is read once and written once. ARGV: a
-- time or '', and what \`batch.ts\` writes: the limits, the kinds of jobs (of each charge the
-- position of its limit, its cost, and whether it is enforced) and the jobs as one array of
-- numbers; then the leases of the charges to concurrency limits, in order.
--
-- A job is its operation, the position of its kind, and the position of its first charge's key,
-- with the keys of the other charges after it; or 0, and then the position of each key. A reset is
-- its operation and a key.
--
-- The reply is a string of bytes: the time, and the result of each job. The result of a decision
-- is, for each charge, the cost that was judged (with what earlier charges of the job take from the
-- same key), and its state as found or the facts. After the bytes come the errors of the jobs that
-- failed.

local limits, jobKinds, jobs = unpack(cjson.decode(ARGV[2]))
local place, leases = 0, 2
local parts, said = { pack('>d', now) }, 1
local faultsSaid = {}

for _, limit in ipairs(limits) do
  local windows = limit.windows
  headOf(limit)
  limit.outside = windows and (now < windows[1] or now >= windows[3])
  if limit.letter == 't' then limit.most = mostOf(limit.burst) end
end

local function say(part)
  said = said + 1
  parts[said] = part
end

-- Reports the failure of a job, and its error.
local function sayFailed(fault)
  say('\\3')
  faultsSaid[#faultsSaid + 1] = fault
end

-- The current job: its kind, the number of its charges, and the position before its first key if
-- the keys are adjacent.
local kindPlace, kind, count, firstKey
-- For other jobs, the last job that charged each key.
local jobNumber, jobOf = 0, {}

local function nextJob()
  kindPlace = jobs[place + 1]
  kind = jobKinds[kindPlace]
  count = #kind / 3
  firstKey = jobs[place + 2] > 0 and jobs[place + 2] - 1
  place = place + 2
end

-- Reports whether two charges of the job have the same key.
local function areTwins()
  if firstKey then return false end
  jobNumber = jobNumber + 1
  for each = 1, count do
    local index = jobs[place + each]
    if jobOf[index] == jobNumber then return true end
    jobOf[index] = jobNumber
  end
  return false
end

-- The short path for most requests: charges to token buckets whose state counts under the requested
-- limit. Only the current level of such a bucket is kept in memory. The result and the writes equal
-- those of the long path in \`main.lua\`; the server needs 13 µs instead of 20 µs for a request of
-- five charges. Anything else (another algorithm or limit, a shadow, a key charged twice, a clock
-- that was set back) is left to the long path.

-- The results of this many charges fit on the Lua stack.
local MAX_CHARGES = 100
-- Format of the result, by the number of charges.
local FORMATS = setmetatable({}, { __index = function(made, count)
  made[count] = '>B' .. string.rep('dd', count)
  return made[count]
end })
-- The result of the current job: a cost and a level for each charge.
local found = {}
-- Whether all charges of a kind of jobs are enforced token buckets, by the position of the kind.
local areBuckets = {}

local function isOfBuckets(kind)
  if #kind > 3 * MAX_CHARGES then return false end
  for each = 1, #kind, 3 do
    if limits[kind[each]].letter ~= 't' or kind[each + 2] == 0 then return false end
  end
  return true
end

-- Returns the current level of a key, or nil if it holds something else or the long path has loaded
-- it.
local function levelOf(index, limit)
  local known = bucketLimits[index]
  if known then return known.head == limit.head and levels[index] end
  if headers[index] ~= nil then return end
  if not strings then readStrings() end
  local header, level = strings[index], 0
  if header then
    if #header ~= limit.size or sub(header, 1, limit.headSize) ~= limit.head then return end
    local expiry, at, before = unpackFrom('>ddd', header, limit.headSize + 1)
    -- Both comparisons are false for NaN.
    if not (now >= at and before >= 0) then return end
    expiries[index] = expiry
    level = before - ((now - at) * limit.limit) / limit.period
    if not (level > 0) then level = 0 end
  elseif call('TYPE', KEYS[index]).ok ~= 'none' then
    return
  end
  bucketLimits[index], levels[index] = limit, level
  return level
end

-- Decides a job; returns false if the short path does not apply.
local function decideBuckets(takes)
  local areOfBuckets = areBuckets[kindPlace]
  if areOfBuckets == nil then
    areOfBuckets = isOfBuckets(kind)
    areBuckets[kindPlace] = areOfBuckets
  end
  if not areOfBuckets or areTwins() then return false end
  local allFit = true
  for each = 1, count do
    local limit, cost = limits[kind[3 * each - 2]], kind[3 * each - 1]
    local level = levelOf(firstKey and firstKey + each or jobs[place + each], limit)
    if not level then return false end
    if cost > 0 and level + cost > limit.most then allFit = false end
    found[2 * each - 1], found[2 * each] = cost, level
  end
  if takes and allFit and isServerFull() then
    if not firstKey then place = place + count end
    sayFailed(FULL)
    return true
  end
  say(pack(FORMATS[count], 1, unpack(found, 1, 2 * count)))
  if takes and allFit then
    for each = 1, count do
      local cost = found[2 * each - 1]
      if cost > 0 then
        local index = firstKey and firstKey + each or jobs[place + each]
        levels[index] = found[2 * each] + cost
        note(index)
      end
    end
  end
  if not firstKey then place = place + count end
  return true
end

-- The last part: runs the jobs one after the other and writes the keys that they changed.

-- Results of a job: 1 done; 2 a calendar limit came without the current window; 3 failed; 4 done,
-- and after the charges follows, for each, the rate of a bucket that was last taken from under a
-- faster limit than the requested one, or 0.
local function isHindered(index, limit)
  if limit.outside then
    say('\\2')
    return true
  end
  atHand = index
  if headers[index] == nil then load(index, limit) end
  local fault = faults[index]
  if not fault then return false end
  sayFailed(fault)
  return true
end

local function nextLease()
  leases = leases + 1
  return ARGV[leases]
end

-- The charges of the current job. The next job reuses their tables, which saves a third of its
-- time.
local charges = {}
-- Whether two charges have the same key, some are shadows, and some buckets drain faster than their
-- limits.
local hasTwins, hasShadows, haveFasterRates

local function readCharges(areSettled)
  hasTwins, hasShadows, haveFasterRates = areTwins(), false, false
  for each = 1, count do
    local charge = charges[each]
    if not charge then
      charge = {}
      charges[each] = charge
    end
    local limit = limits[kind[3 * each - 2]]
    charge.index = firstKey and firstKey + each or jobs[place + each]
    charge.limit, charge.cost, charge.enforced = limit, kind[3 * each - 1], kind[3 * each] == 1
    charge.isFitting = nil
    charge.lease = limit.letter == 'n' and nextLease() or ''
    if not charge.enforced then hasShadows = true end
  end
  if not firstKey then place = place + count end
  if not areSettled then return end
  for each = 1, count do
    charges[each].taken = { cost = jobs[place + 1], at = jobs[place + 2], resetAfter = jobs[place + 3] }
    place = place + 3
  end
end

local function areHindered()
  for each = 1, count do
    if isHindered(charges[each].index, charges[each].limit) then return true end
  end
  return false
end

-- Encoded costs; most repeat.
local COSTS = setmetatable({}, { __index = function(made, cost)
  made[cost] = pack('>d', cost)
  return made[cost]
end })

-- Decides a job of a single charge, the common case in a cluster, in half the time of the long
-- path.
local function decideOne(takes)
  local index, limit, cost = firstKey + 1, limits[kind[1]], kind[2]
  local lease = limit.letter == 'n' and nextLease() or ''
  if isHindered(index, limit) then return end
  local algorithm, state = A[limit.letter], stateNow(index, limit)
  local isFitting = algorithm.fits(limit, state, cost)
  if takes and isFitting and cost > 0 and isServerFull() then return sayFailed(FULL) end
  local facts = algorithm.facts
  local found = facts and facts(limit, state, cost, isFitting) or algorithm.pack(state)
  parts[said + 1], parts[said + 2], parts[said + 3] = state.fasterRate and '\\4' or '\\1', COSTS[cost], found
  said = said + 3
  if state.fasterRate then say(pack('>d', state.fasterRate)) end
  if takes and isFitting and cost > 0 then take(index, limit, cost, lease) end
end

-- Returns the cost of a charge plus what earlier charges of the same request take from its key.
local function costWithTwins(charge)
  local cost = charge.cost
  if cost == 0 then return 0 end
  for each = 1, count do
    local other = charges[each]
    if other.isFitting and other.index == charge.index and other ~= charge then cost = cost + other.cost end
  end
  return cost
end

-- Judges the enforced charges or the shadows, and reports whether all fit.
local function judge(enforced)
  local allFit = true
  for each = 1, count do
    local charge = charges[each]
    if charge.enforced == enforced then
      local limit = charge.limit
      local cost = hasTwins and costWithTwins(charge) or charge.cost
      local algorithm, state = A[limit.letter], stateNow(charge.index, limit)
      local isFitting = algorithm.fits(limit, state, cost)
      local facts = algorithm.facts
      charge.said = COSTS[cost]
      charge.facts = facts and facts(limit, state, cost, isFitting) or algorithm.pack(state)
      charge.isFitting = isFitting
      charge.fasterRate = state.fasterRate
      if state.fasterRate then haveFasterRates = true end
      allFit = allFit and isFitting
    end
  end
  return allFit
end

local function decideAll(takes)
  readCharges(false)
  if areHindered() then return end
  local admitted = judge(true)
  -- A shadow charge takes only what the enforced ones leave.
  if hasShadows then judge(false) end
  if takes and admitted and isServerFull() then return sayFailed(FULL) end
  say(haveFasterRates and '\\4' or '\\1')
  for each = 1, count do
    local charge = charges[each]
    parts[said + 1], parts[said + 2] = charge.said, charge.facts
    said = said + 2
  end
  if haveFasterRates then
    for each = 1, count do say(pack('>d', charges[each].fasterRate or 0)) end
  end
  if not takes or not admitted then return end
  for pass = 1, hasShadows and 2 or 1 do
    for each = 1, count do
      local charge = charges[each]
      if charge.isFitting and charge.cost > 0 and charge.enforced == (pass == 1) then
        take(charge.index, charge.limit, charge.cost, charge.lease)
      end
    end
  end
end

-- Reports whether a settlement frees a slot, which needs no memory.
local function isRelease(charge)
  return charge.limit.letter == 'n' and charge.cost == 0
end

-- Settles what can be settled: an unreadable key does not prevent the refunds of others.
local function settleAll()
  readCharges(true)
  for each = 1, count do
    if charges[each].limit.outside then return say('\\2') end
  end
  local fault
  for each = 1, count do
    local charge = charges[each]
    local index, limit = charge.index, charge.limit
    atHand = index
    if headers[index] == nil then load(index, limit) end
    local why = faults[index]
    if not why and isServerFull() and not isRelease(charge) then why = FULL end
    if why then fault = why else settle(index, limit, charge.taken, charge.cost, charge.lease) end
  end
  if fault then sayFailed(fault) else say('\\1') end
end

local function doJob(operation)
  if operation == 3 then
    settleAll()
  elseif not decideBuckets(operation == 1) then
    if count == 1 then decideOne(operation == 1) else decideAll(operation == 1) end
  end
end

-- Messages of errors about a value that looked readable and is not. Any other error is the server's
-- and ends the call.
local UNREADABLE = { 'WRONGTYPE', 'attempt to', 'bad argument', 'too short', 'not a valid' }

local function isOfKey(why)
  local said = type(why) == 'table' and why.err or why
  for _, words in ipairs(UNREADABLE) do
    if string.find(said, words, 1, true) then return atHand ~= nil end
  end
  return false
end

-- Fails the current job because of its key. That key is not touched again; other jobs continue with
-- other keys. The arguments are the positions at which the job began.
local function failJob(operation, before, from, leasesBefore)
  faults[atHand] = unreadable(atHand)
  levels[atHand], bucketLimits[atHand] = nil, nil
  said = before
  for each = said + 1, #parts do parts[each] = nil end
  sayFailed(faults[atHand])
  leases = leasesBefore
  for each = 1, count do
    if limits[kind[3 * each - 2]].letter == 'n' then leases = leases + 1 end
  end
  place = from + (firstKey and 0 or count) + (operation == 3 and 3 * count or 0)
end

local last = #jobs
while place < last do
  local operation = jobs[place + 1]
  place = place + 1
  if operation == 4 then
    place = place + 1
    isServerFull()
    reset(jobs[place])
    say('\\1')
  else
    nextJob()
    local before, from, leasesBefore, faultsBefore = said, place, leases, #faultsSaid
    atHand = nil
    local done, why = pcall(doJob, operation)
    if not done then
      if not isOfKey(why) then error(why) end
      for each = #faultsSaid, faultsBefore + 1, -1 do faultsSaid[each] = nil end
      failJob(operation, before, from, leasesBefore)
    end
  end
  if mendedOnes[1] then dropIdle() end
end

-- Writes to a full server only free slots. A first write that needs no memory is accepted, and the
-- others with it.
if isFull and changes > 0 then redis.pcall('ZREM', KEYS[changedOnes[1]], '') end
for each = 1, changes do
  local index = changedOnes[each]
  local level = levels[index]
  if level then keepLevel(index, level) else keep(index) end
end

return { table.concat(parts), unpack(faultsSaid) }
`,rt=e(`sha1`).update(nt).digest(`hex`);var it=class{connection;#e;constructor(e){this.connection=e}async run(e,t){try{return await this.#t(e,t)}catch(r){if(!at(r))throw r;return Y(r,`READONLY`)&&this.connection.reconnect?.(),await n(20),this.#t(e,t)}}async#t(e,t){try{return await this.#n(e,t)}catch(e){if(!Y(e,`NOSCRIPT`))throw e}if(this.#e!==void 0){await this.#e.catch(()=>{});try{return await this.#n(e,t)}catch(n){if(!Y(n,`NOSCRIPT`))throw n;return this.#r(e,t)}}let n=this.#r(e,t);this.#e=n;try{return await n}finally{this.#e=void 0}}#n(e,t){return this.connection.run(`evalsha`,rt,e,t)}#r(e,t){return this.connection.run(`eval`,nt,e,t)}};function at(e){return[`READONLY`,`LOADING`,`MASTERDOWN`,`TRYAGAIN`,`CLUSTERDOWN`,`MOVED`,`ASK`].some(t=>Y(e,t))}function Y(e,t){return e instanceof Error&&e.message.startsWith(`${t} `)}var ot=class{prefix;calendar;#e;#t=/* @__PURE__ */ new Map;constructor(e,t,n){this.prefix=t,this.calendar=n,this.#e=new it(e)}add(e,n){this.#t.size===0&&t(()=>this.#n());let r=this.#t.get(n);r!==void 0&&!r.hasRoomFor(e)&&(this.#r(r,n),r=void 0),r===void 0&&(r=new Ge(this.prefix),this.#t.set(n,r)),r.add(e)}#n(){let e=this.#t;this.#t=/* @__PURE__ */ new Map;for(let[t,n]of e)this.#r(n,t)}#r(e,t){let n=e.args(this.calendar.scriptTime,e=>this.calendar.bordersOf(e));this.#e.run(e.keys,n).then(n=>this.#i(e,t,n)).catch(t=>{let n=st(t)?new j(ct(t),{cause:t}):t;for(let t of e.jobs)t.reject(n)})}#i({jobs:e},t,n){let{at:r,outcomes:i}=tt(n,e);this.calendar.synchronize(r),e.forEach((e,n)=>{let r=i[n];r===`window`?this.#a(e,t):r instanceof Error?e.reject(r):e.resolve(r)})}#a(e,t){e.attempts++,e.attempts<3?this.add(e,t):e.reject(/* @__PURE__ */ Error(`none of the calendar windows sent contains the server's time`))}};function st(e){let t=ct(e);return/^(WRONGTYPE|OOM) |user_script/.test(t)&&!/NOPERM|READONLY|ermission/.test(t)}function ct(e){return e instanceof Error?e.message:String(e)}var lt=class{fixedTime;#e=0;#t=/* @__PURE__ */ new Map;constructor(e){this.fixedTime=e}get scriptTime(){return this.fixedTime===void 0?``:String(this.fixedTime())}synchronize(e){this.#e=e-Date.now()}bordersOf(e){if(!Ae(e)||e.algorithm!==`fixed-window`)return;let t=this.fixedTime?.()??Date.now()+this.#e,n=N(e),r=`${e.period} ${n}`,i=this.#t.get(r);if(i!==void 0&&i[0]<=t&&t<i[1])return i;let{start:a,end:o}=C(t,e.period,n),s=[a,o,C(o,e.period,n).end];return this.#t.set(r,s),s}},ut=class{connection;prefix;#e;#t;constructor(e,t,n){this.connection=e,this.prefix=t,this.#e=new lt(n),this.#t=new ot(e,t,this.#e)}take(e){return this.#n(`take`,e,t=>this.#i(e,t))}peek(e){return this.#n(`peek`,e,async t=>X(e,pt(t,await Promise.all(t.map(t=>this.#r(`peek`,e,t))))))}async settle(e){for(let{charge:t,taken:n,cost:r}of e)if(this.#o({...t,lease:``,cost:r}),!Number.isFinite(n.cost+n.at)||Number.isNaN(n.resetAfter))throw TypeError(`a settlement needs the cost, at and resetAfter of the take, as numbers`);await this.#a(e)}async reset(e,t){dt({scope:e,key:t}),await new Promise((n,r)=>{let i=this.#l({scope:e,key:t});this.#t.add({operation:`reset`,charges:[{scope:e,key:t}],attempts:0,resolve:n,reject:r},i)})}async close(){await this.connection.close()}#n(e,t,n){return new Promise((r,i)=>{for(let e of t)this.#o(e);let a=this.#s(t);t.length===0?r([]):a===void 0?r(n(this.#c(t))):this.#t.add({operation:e,charges:t,attempts:0,resolve:e=>r(X(t,e)),reject:i},a)})}#r(e,t,n){return new Promise((r,i)=>{let a={operation:e,charges:Z(n,t),attempts:0,resolve:r,reject:i};this.#t.add(a,n.slot)})}async#i(e,t){let n=await Promise.allSettled(t.map(t=>this.#r(`take`,e,t))),r=n.map(e=>e.status===`fulfilled`?e.value:[]),i=n.find(e=>e.status===`rejected`),a=i===void 0?X(e,pt(t,r)):[];if(i===void 0&&b(e,a))return a;let o=t.flatMap((t,n)=>ft(Z(t,e),r[n]));if(await this.#a(o).catch(()=>{}),i!==void 0)throw i.reason;return a}async#a(e){let t=e.map(({charge:e,taken:t,cost:n})=>({...e,cost:n,lease:t.lease})),n=this.#c(t);await Promise.all(n.map(n=>{let r=Z(n,e).map(e=>e.taken);return new Promise((e,i)=>{this.#t.add({operation:`settle`,charges:Z(n,t),taken:r,attempts:0,resolve:e,reject:i},n.slot)})}))}#o(e){let{limit:t}=e;dt(e),A(e);let n=t.algorithm===`concurrency`?t.lease:t.period,r=t.algorithm===`token-bucket`?t.burst:0;if(!Number.isFinite(t.limit+n+r))throw TypeError(`the numbers of a limit must be finite`);this.#e.bordersOf(t)}#s(e){let[t]=e;if(!this.connection.cluster||t===void 0)return 0;let n=this.#l(t);return e.every(e=>this.#l(e)===n)?n:void 0}#c(e){let t=/* @__PURE__ */ new Map;return e.forEach((e,n)=>{let r=this.#l(e),i=t.get(r);i===void 0?t.set(r,[n]):i.push(n)}),[...t].map(([e,t])=>({slot:e,indexes:t}))}#l({scope:e,key:t}){return this.connection.cluster?ne(this.connection.keyPrefix+v(this.prefix,e,t)):0}};function dt({scope:e,key:t}){if(typeof e!=`string`||typeof t!=`string`)throw TypeError(`scope and key must be strings`)}function X(e,t){let n=t.map(e=>e.verdict());return b(e,n)?n:t.map(e=>e.untakenVerdict())}function ft(e,t){let n=t.map(e=>e.verdict());return b(e,n)?Ie(e,n):[]}function Z({indexes:e},t){return e.length===t.length?t:e.map(e=>t[e])}function pt(e,t){let n=[];return e.forEach(({indexes:e},r)=>{e.forEach((e,i)=>{n[e]=t[r]?.[i]})}),n}const Q=`redis://host:6379/0, rediss://host, redis+cluster://a:6379,b:6379 or redis+sentinel://a:26379,b:26379/name`,mt=/^(redis|rediss)(?:\+(cluster|sentinel))?:\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/;function ht(e){let t=mt.exec(e);if(t===null)throw new u([`url`],`not the URL of a Redis server; write ${Q}`);let[,n,r,i,a=``,o=``]=t,s=r===`cluster`||r===`sentinel`?r:`standalone`,c=a.split(`,`).map(e=>_t(e,s===`sentinel`?26379:6379));if(s===`standalone`&&c.length>1)throw new u([`url`],`several hosts need a cluster or Sentinels; write redis+cluster:// or redis+sentinel://`);let l=o===``?[]:o.split(`/`).map($),d=s===`sentinel`?l.shift():``;if(d===void 0||s===`sentinel`&&d===``)throw new u([`url`],`a redis+sentinel:// URL must end with the name of the primary, as in …:26379/mymaster`);let f=l.shift()??`0`;if(!/^\d{1,9}$/.test(f)||l.length>0)throw new u([`url`],`the path of a Redis URL must be the number of a database; write ${Q}`);if(s===`cluster`&&f!==`0`)throw new u([`url`],`a cluster only has database 0; omit the path of the URL`);return{kind:s,tls:n===`rediss`,...gt(i),nodes:c,name:d,db:Number(f)}}function gt(e=``){let t=e.indexOf(`:`);if(t<0)return{username:e===``?void 0:$(e),password:void 0};let n=$(e.slice(0,t));return{username:n===``?void 0:n,password:$(e.slice(t+1))}}function _t(e,t){let n=/^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(e),r=n?.[1]??n?.[2],i=Number(n?.[3]??t);if(r===void 0||i<1||i>65535)throw new u([`url`],`a host of a Redis URL must be a name or an address with a port from 1 to 65535; write ${Q}`);return{host:r,port:i}}function $(e){try{return decodeURIComponent(e)}catch{throw new u([`url`],`a '%' in a Redis URL must be written as %25`)}}function vt(e,t){return e instanceof Promise?e.then(t):t(e)}function yt(e,t,n,r,i){if(e.algorithm===`token-bucket`){let{at:n,resetAfter:a}=t,o={at:n,level:a*e.limit/e.period};return bt(W.judge,e,W.advance(e,o,n+r),i)}if(e.algorithm===`fixed-window`){let{at:n,remaining:a,resetAfter:o}=t;if(o>0&&r>=o)return;let s={at:n+r,start:n,end:n+o,count:e.limit-a};return bt(B.judge,e,s,i)}return xt(e,t,n,r,i)}function bt(e,t,n,r){let i=e(t,n,r);return i.allowed?e(t,n,0):i}function xt(e,t,n,r,i){let a=t.resetAfter>0;if(a&&r>=t.moreAfter)return;let o={...t,at:t.at+r,resetAfter:a?t.resetAfter-r:0,moreAfter:a?t.moreAfter-r:0};if(i<=t.remaining)return{...o,allowed:!0,retryAfter:0};if(e.algorithm!==`concurrency`){if(i>ke(e))return{...o,allowed:!1,retryAfter:1/0};if(!(t.allowed||i!==n||r>=t.retryAfter))return{...o,retryAfter:t.retryAfter-r}}}const St=16384;var Ct=class{maxAgeMs;#e=/* @__PURE__ */ new Map;#t=/* @__PURE__ */ new Map;#n=0;#r=0;#i=-1/0;#a=0;#o=0;constructor(e){this.maxAgeMs=e}get isEmpty(){return this.#n+this.#r===0}get version(){return this.#a}get(e,t,n){let r=this.#s(e,t)?.refusal;return r!==void 0&&n-r.requestedAt<this.maxAgeMs?r:void 0}set(e,t,n,r){let{requestedAt:i,receivedAt:a}=n;if(a-i>=this.maxAgeMs||r<this.#o)return;let o=this.#s(e,t)?.version??0;r<o||(this.#l(a),this.#n<St&&this.#c(e,t,{refusal:n,version:o}))}invalidate(e,t,n){this.#a++,this.#l(n),this.#n<St?this.#c(e,t,{refusal:void 0,version:this.#a}):this.clear()}clear(){this.#o=++this.#a,this.#e=/* @__PURE__ */ new Map,this.#t=/* @__PURE__ */ new Map,this.#n=0,this.#r=0}#s(e,t){return this.#e.get(e)?.get(t)??this.#t.get(e)?.get(t)}#c(e,t,n){let r=this.#e.get(e);r===void 0&&(r=/* @__PURE__ */ new Map,this.#e.set(e,r)),r.has(t)||this.#n++,r.set(t,n)}#l(e){e-this.#i<this.maxAgeMs||(this.#t=this.#e,this.#r=this.#n,this.#e=/* @__PURE__ */ new Map,this.#n=0,this.#i=e)}};function wt(e,t){return new Tt(e,t)}var Tt=class{store;#e;#t;#n;constructor(e,{maxAgeMs:t,clock:n}){this.store=e,this.#e=new Ct(t),this.#n=t/2,this.#t=n}take(e){let t=this.#t.now(),n=this.#e.isEmpty?void 0:this.#i(e,t);if(n!==void 0)return n;let{version:r}=this.#e;return vt(this.store.take(e),n=>(this.#a(e,n,t,r),n))}peek(e){return this.store.peek(e)}settle(e){return Dt(()=>{for(let{charge:t}of e)this.#r(t)},()=>this.store.settle(e))}reset(e,t){return Dt(()=>this.#r({scope:e,key:t}),()=>this.store.reset(e,t))}close(){return this.#e.clear(),this.store.close()}#r({scope:e,key:t}){this.#e.invalidate(e,t,this.#t.now())}#i(e,t){let n=!1,r,i=[];for(let a=0;a<e.length;a++){let o=e[a],s=this.#e.get(o.scope,o.key,t);if(s===void 0)return;t-s.requestedAt>=this.#n&&!s.isRefreshing&&(r=s);let c=Et(s,o,t);if(c===void 0||Ot(e,a))return;be(o,c)&&(n=!0),i.push(c)}if(n&&e.every(kt)){if(r===void 0)return i;r.isRefreshing=!0}}#a(e,t,n,r){if(b(e,t)){this.#o(e,n);return}let i=this.#t.now();e.forEach(({scope:e,key:a,limit:o,cost:s},c)=>{let l={limit:o,cost:s,verdict:t[c],requestedAt:n,receivedAt:i,isRefreshing:!1};this.#e.set(e,a,l,r)})}#o(e,t){if(!this.#e.isEmpty)for(let n of e)n.cost>0&&this.#e.get(n.scope,n.key,t)!==void 0&&this.#r(n)}};function Et(e,{limit:t,cost:n},r){if(!je(e.limit,t))return;let{verdict:i,requestedAt:a,receivedAt:o}=e,s=yt(t,i,e.cost,r-o,n);if(!(s===void 0||!s.allowed&&s.retryAfter<=o-a+1e-6))return{allowed:s.allowed,at:s.at,remaining:s.remaining,resetAfter:s.resetAfter,retryAfter:s.retryAfter,moreAfter:s.moreAfter,remembered:!0}}function Dt(e,t){e();let n=t();return n instanceof Promise?n.finally(e):n}function Ot(e,t){let{scope:n,key:r}=e[t];for(let i=0;i<t;i++){let t=e[i];if(t.key===r&&t.scope===n)return!0}return!1}function kt(e){try{return A(e),!0}catch{return!1}}const At=1e3,jt=[`client`,`url`,`prefix`,`rememberRefusals`];function Mt(e){if(typeof e==`string`)return Mt({url:e});if(typeof e!=`object`||!e)throw new u([],`a Redis store needs a URL, or an object with a client or a url`);for(let t of Object.keys(e))if(!jt.includes(t))throw f(`a Redis store`,t,jt);let t=ye(e.prefix??`sluice:`),n=Nt(e.rememberRefusals??100),r=new ut(Pt(e),t);return n===0?r:wt(r,{maxAgeMs:n,clock:ee})}function Nt(e){if(typeof e!=`number`)throw new u([`rememberRefusals`],`'rememberRefusals' must be a number of milliseconds, not ${String(e)}`);if(!(e>=0&&e<=At))throw new d([`rememberRefusals`],`'rememberRefusals' must be from 0 to ${At} ms, not ${e}`);return e}function Pt({client:e,url:t}){if(e===void 0==(t===void 0))throw new u([],`a Redis store needs either a 'client' or a 'url'`);if(e===void 0)return new de(ht(String(t)));if(typeof e==`object`&&e){if(`evalSha`in e)return new se(e);if(`createBuiltinCommand`in e)return new ie(e,!1)}throw new u([`client`],`'client' must be a client of ioredis or node-redis`)}export{Mt as redisStore};