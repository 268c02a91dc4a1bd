"""The points of MediaPipe's face mesh, by name. Right and left are the person's own; lines run from right to left."""

from __future__ import annotations

MESH_POINTS = 468

# each lip in rings, the outermost first: its outline, two between, its inner edge
UPPER_LIP_RINGS = (
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
)
LOWER_LIP_RINGS = (
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
)
RING_MIDDLE = 5  # the place in a ring that lies in the middle of the face
OUTER_UPPER, OUTER_LOWER = UPPER_LIP_RINGS[0], LOWER_LIP_RINGS[0]
INNER_UPPER, INNER_LOWER = UPPER_LIP_RINGS[-1], LOWER_LIP_RINGS[-1]
LIP_POINTS = tuple(sorted({point for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS) for point in ring}))
LIP_OUTLINE = (*OUTER_UPPER, *OUTER_LOWER[-2:0:-1])  # once around

RIGHT_CORNER, LEFT_CORNER = OUTER_UPPER[0], OUTER_UPPER[-1]  # of the mouth
UPPER_LIP_TOP, UPPER_LIP_EDGE = OUTER_UPPER[RING_MIDDLE], INNER_UPPER[RING_MIDDLE]
LOWER_LIP_EDGE, LOWER_LIP_BOTTOM = INNER_LOWER[RING_MIDDLE], OUTER_LOWER[RING_MIDDLE]

# the face's outline, once around from the forehead, to the left first
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
        152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
FOREHEAD, CHIN = 10, 152
CHEEKS = (50, 280)  # their middles
BARE_SKIN = (*CHEEKS, 168)  # and between the eyes
RIGHT_CHEEK, LEFT_CHEEK = 234, 454  # the outline at the ears
RIGHT_JAW, LEFT_JAW = 58, 288  # the outline at the mouth's height
JAW = OVAL[OVAL.index(RIGHT_CHEEK) : OVAL.index(LEFT_CHEEK) - 1 : -1]  # from cheek to cheek, by the chin

NOSE_BASE = 2
RIGHT_EYE, LEFT_EYE = 33, 263  # their outer corners
RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS = (RIGHT_EYE, 133), (LEFT_EYE, 362)  # the outer and the inner one
RIGHT_BROW, LEFT_BROW = (46, 53, 52, 65, 55), (276, 283, 282, 295, 285)  # their lower edges, from outside to inside
RIGHT_BROW_TOP, LEFT_BROW_TOP = (70, 63, 105, 66, 107), (300, 293, 334, 296, 336)  # and their upper ones
# the lids' edges without their corners, from outside to inside
RIGHT_UPPER_LID, LEFT_UPPER_LID = (246, 161, 160, 159, 158, 157, 173), (466, 388, 387, 386, 385, 384, 398)
RIGHT_LOWER_LID, LEFT_LOWER_LID = (7, 163, 144, 145, 153, 154, 155), (249, 390, 373, 374, 380, 381, 382)
NOSE_BRIDGE = (9, 195)  # from between the brows down
