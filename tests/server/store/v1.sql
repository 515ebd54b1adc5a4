PRAGMA application_id = 1382835833;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE batches (id TEXT PRIMARY KEY, name TEXT NOT NULL, created REAL NOT NULL);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO "counters" VALUES('rank',2);
INSERT INTO "counters" VALUES('paused',0);
CREATE TABLE events (  -- AUTOINCREMENT: an id is never used again, so a client's last one stays true
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        job TEXT NOT NULL, kind TEXT NOT NULL, time REAL NOT NULL,
        state TEXT, stage TEXT, step INTEGER, total INTEGER, seconds_left REAL, loss REAL, preview TEXT,
        warnings TEXT, error TEXT
    );
INSERT INTO "events" VALUES(1,'01m7zrmt1sk1m6ctp00d22nb8x','state',1.79528862316241455071e+09,'queued',NULL,0,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(4,'01m7zrmt1sk1m6ctp00d22nb8x','state',1.7952886232264473438e+09,'running',NULL,0,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(5,'01m7zrmt1sk1m6ctp00d22nb8x','progress',1.79528862324302697179e+09,NULL,'fit',3,9,4.5,0.25,'previews/3.png','["thin walls"]',NULL);
INSERT INTO "events" VALUES(6,'01m7zrmt1sk1m6ctp00d22nb8x','state',1.7952886232572546005e+09,'done','fit',3,9,NULL,NULL,'previews/3.png',NULL,NULL);
INSERT INTO "events" VALUES(7,'01m7zrmt59pf7ezhdysgfzzsc9','state',1.79528862327409243588e+09,'queued',NULL,0,0,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        state TEXT NOT NULL
            CHECK (state IN ('queued', 'running', 'cancelling', 'cancelled', 'failed', 'done', 'dead')),
        sketch TEXT NOT NULL REFERENCES uploads (sha256),
        name TEXT NOT NULL, prompt TEXT NOT NULL, preset TEXT NOT NULL, seed INTEGER NOT NULL,
        settings TEXT NOT NULL, full_settings TEXT NOT NULL,
        priority INTEGER NOT NULL, rank REAL NOT NULL,
        batch TEXT REFERENCES batches (id),
        attempt INTEGER NOT NULL DEFAULT 0, strikes INTEGER NOT NULL DEFAULT 0,
        stage TEXT, step INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
        seconds_left REAL, loss REAL, error TEXT, warnings TEXT NOT NULL DEFAULT '[]',
        created REAL NOT NULL, started REAL, finished REAL,
        preview TEXT, result_attempt INTEGER, checkpoint_attempt INTEGER, lease_until REAL, worker TEXT,
        CHECK ((state = 'done') = (result_attempt IS NOT NULL))
    );
INSERT INTO "jobs" VALUES('01m7zrmt1sk1m6ctp00d22nb8x','done','5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a','mushroom','a red mushroom','standard',7,'{"sds.steps": 5}','{"sds": {"steps": 5}}',0,1.0,NULL,2,0,'fit',3,9,NULL,0.25,NULL,'["thin walls"]',1.79528862316211771958e+09,1.79528862322628259655e+09,1.79528862325693130495e+09,'previews/3.png',2,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('01m7zrmt59pf7ezhdysgfzzsc9','queued','5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a','mushroom','a blue vase','standard',7,'{"sds.steps": 5}','{"sds": {"steps": 5}}',0,2.0,NULL,0,0,NULL,0,0,NULL,NULL,NULL,'[]',1.79528862327395224572e+09,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE submissions (  -- what an Idempotency-Key stood for
        key TEXT PRIMARY KEY, body_sha TEXT NOT NULL,
        job TEXT REFERENCES jobs (id) ON DELETE CASCADE, batch TEXT REFERENCES batches (id) ON DELETE CASCADE
    );
INSERT INTO "submissions" VALUES('key','sha','01m7zrmt59pf7ezhdysgfzzsc9',NULL);
CREATE TABLE tallies (state TEXT PRIMARY KEY, jobs INTEGER NOT NULL);
INSERT INTO "tallies" VALUES('queued',1);
INSERT INTO "tallies" VALUES('running',0);
INSERT INTO "tallies" VALUES('cancelling',0);
INSERT INTO "tallies" VALUES('cancelled',0);
INSERT INTO "tallies" VALUES('failed',0);
INSERT INTO "tallies" VALUES('done',1);
INSERT INTO "tallies" VALUES('dead',0);
CREATE TABLE uploads (
        sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, suffix TEXT NOT NULL, main TEXT NOT NULL,
        bytes INTEGER NOT NULL, vertices INTEGER NOT NULL, faces INTEGER NOT NULL, notes TEXT NOT NULL,
        created REAL NOT NULL
    );
INSERT INTO "uploads" VALUES('5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a','mushroom.glb','.glb','sketch.glb',1234,8,12,'["no colours"]',1.7952886231347601414e+09);
CREATE TABLE watched (path TEXT PRIMARY KEY, sha256 TEXT NOT NULL, job TEXT NOT NULL, time REAL NOT NULL);
CREATE INDEX jobs_by_state ON jobs (state, id);
CREATE INDEX jobs_by_batch ON jobs (batch, state, id) WHERE batch IS NOT NULL;
CREATE INDEX jobs_by_sketch ON jobs (sketch);
CREATE INDEX jobs_by_finish ON jobs (finished) WHERE finished IS NOT NULL;
CREATE INDEX queue ON jobs (priority DESC, rank, id) WHERE state = 'queued';
CREATE TRIGGER job_came AFTER INSERT ON jobs BEGIN
        UPDATE tallies SET jobs = jobs + 1 WHERE state = new.state;
    END;
CREATE TRIGGER job_went AFTER DELETE ON jobs BEGIN
        UPDATE tallies SET jobs = jobs - 1 WHERE state = old.state;
    END;
CREATE TRIGGER job_changed AFTER UPDATE OF state ON jobs WHEN new.state != old.state BEGIN
        UPDATE tallies SET jobs = jobs - 1 WHERE state = old.state;
        UPDATE tallies SET jobs = jobs + 1 WHERE state = new.state;
    END;
CREATE INDEX submissions_by_job ON submissions (job);
CREATE INDEX submissions_by_batch ON submissions (batch);
CREATE INDEX events_by_job ON events (job, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',7);
COMMIT;
